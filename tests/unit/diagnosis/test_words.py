"""Every state, mistake and fact has words, and docs/diagnosis.md has the same."""

import re
from datetime import UTC, datetime

import pytest

from dashboard.subscriptions.diagnosis import CERTAINTY_MARKS
from dashboard.subscriptions.diagnosis_evidence import OF_FACTS, sentence
from dashboard.subscriptions.diagnosis_words import INVISIBLE, OF_MISTAKES, OF_STATES, Words
from dashboard.subscriptions.marks import MARKS
from eventstore.diagnosis import Certainty, Evidence, Fact, Mistake
from eventstore.subscriptions import State
from tests.unit.documentation import ROOT

PAGE = re.sub(r"\s+", " ", (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8"))
HEADINGS = re.findall(r"^### (.+)$", (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8"), re.MULTILINE)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_all_of_them_have_words_and_marks() -> None:
    assert set(OF_STATES) == set(MARKS) == set(State)
    assert set(OF_MISTAKES) == set(Mistake)
    assert set(OF_FACTS) == set(Fact)
    assert set(CERTAINTY_MARKS) == set(Certainty)
    assert all(words.title and words.causes and words.steps for words in OF_MISTAKES.values())


def test_the_documentation_has_each_state_and_each_mistake_once() -> None:
    names = [MARKS[state][2] for state in State] + [OF_MISTAKES[mistake].title for mistake in Mistake]
    assert sorted(heading.lower() for heading in HEADINGS) == sorted(name.lower() for name in names)
    assert INVISIBLE in PAGE


@pytest.mark.parametrize(
    "words", [*OF_STATES.values(), *OF_MISTAKES.values()], ids=lambda words: words.title or words.means[:30]
)
def test_the_documentation_says_what_the_page_says(words: Words) -> None:
    for said in (words.means, *words.causes, *words.steps):
        assert said in PAGE


@pytest.mark.parametrize("fact", list(Fact))
@pytest.mark.parametrize("full", [True, False])
def test_every_fact_is_a_sentence_with_and_without_its_figures(fact: Fact, full: bool) -> None:
    given = (
        Evidence(fact=fact, number=2, of=3, at=NOON, until=NOON, partition=1, name="<b>x")
        if full
        else Evidence(fact=fact, partition=0)
    )
    said = sentence(given)
    assert said.endswith((".", "</bdi>."))
    assert "<b>" not in said
    assert "None" not in said.replace("None was", "")
