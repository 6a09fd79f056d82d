"""A topic of copies hides what a topic hides that may be its source, and shows what a rule shows for itself alone."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.privacy import MASKED, AccessProfile, display_value, filter_problem
from dashboard.replays.live.words import may_read_filter
from eventstore.replays import Kind, What
from eventstore.search import mark_of, parse_filter
from tests.unit.privacy.rules import CLEAR_PERSON, DOCUMENT, MASKED_PERSON, config

RULES = """
[[masking.rule]]
topic = "documents"
path = "data.name"
show = "hidden"

[[masking.rule]]
topic = "documents"
path = "data.email"
show = "hash"

[[masking.rule]]
topic = "documents"
path = "data.title"
show = "plain"

[[masking.rule]]
topic = "news*"
path = "data.**"
show = "plain"
"""
OPEN = '[[masking.rule]]\npath = "data.**"\nshow = "plain"\n'
COPIES = [
    "documents-mailer-DLQ",
    "public/default/documents-mailer-RETRY",
    "documents-DLQ",
    "documents-replay",
    "documents.replay",
]
OTHERS = ["documents-old", "appointments-mailer-DLQ", "appointments"]


def shown(topic: str, name: str, value: str = "some text") -> object:
    return display_value(value, f"data.{name}", MASKED_PERSON, replace(DOCUMENT, topic=topic))


@pytest.mark.parametrize("topic", COPIES)
def test_what_a_topic_hides_is_hidden_in_its_copies_too(settings: Any, topic: str) -> None:
    settings.EVENTDESK = config(RULES + OPEN)
    assert shown("documents", "email") == mark_of("some text")
    assert (shown(topic, "name"), shown(topic, "email"), shown(topic, "other")) == (MASKED, MASKED, "some text")


@pytest.mark.parametrize("topic", COPIES)
def test_what_a_topic_shows_is_not_shown_in_what_may_be_copies_of_another(settings: Any, topic: str) -> None:
    settings.EVENTDESK = config(RULES)
    assert (shown("documents", "title"), shown(topic, "title")) == ("some text", MASKED)
    assert shown("news-mailer-DLQ", "title") == "some text"


@pytest.mark.parametrize("topic", OTHERS)
def test_a_rule_says_nothing_of_topics_that_hold_no_copies_of_its_own(settings: Any, topic: str) -> None:
    settings.EVENTDESK = config(RULES + OPEN)
    assert shown(topic, "name") == "some text"


@pytest.mark.parametrize("source, hides", [("documents", True), ("doc*", True), ("*", True), ("appointments", False)])
def test_a_declared_subscription_tells_the_source(settings: Any, source: str, hides: bool) -> None:
    declared = f'[[subscription]]\nname = "mailer"\ntopics = ["{source}"]\ndead_letter = ["graveyard"]\n'
    settings.EVENTDESK = config(RULES + OPEN + declared)
    assert (shown("graveyard", "name") is MASKED) is hides


def test_copies_of_which_nothing_tells_the_source_follow_every_rule_that_hides(settings: Any) -> None:
    settings.EVENTDESK = config('[topics]\ndead_letter = ["graveyard"]\n' + RULES + OPEN)
    assert (shown("graveyard", "name"), shown("graveyard", "other")) == (MASKED, "some text")


def test_a_filter_is_judged_by_how_copies_are_shown(settings: Any) -> None:
    settings.EVENTDESK = config(RULES + OPEN.replace("data.**", "data.*"))
    mark = parse_filter(f"data.email={mark_of('x')}")
    assert not filter_problem(mark, MASKED_PERSON, ["documents"])
    assert filter_problem(mark, MASKED_PERSON, ["documents-mailer-DLQ"])
    assert filter_problem(mark, MASKED_PERSON, None)
    name = parse_filter("data.name=x")
    assert filter_problem(name, MASKED_PERSON, ["documents-mailer-DLQ"])
    assert not filter_problem(name, MASKED_PERSON, ["appointments-mailer-DLQ"])


LISTS = """
[[masking.rule]]
path = "data.codes"
show = "plain"

[[masking.rule]]
topic = "*permit*"
path = "data.**"
show = "plain"
"""


def test_a_rule_that_shows_lists_of_other_topics_closes_no_filter(settings: Any) -> None:
    settings.EVENTDESK = config(LISTS)
    filter = parse_filter("data.codes=x")
    for topics in (None, ["documents"], ["permits"], ["documents", "permits"]):
        assert not filter_problem(filter, MASKED_PERSON, topics), topics


def test_a_rule_that_hides_what_lists_of_some_topics_hold_closes_the_filter_there(settings: Any) -> None:
    settings.EVENTDESK = config('[[masking.rule]]\ntopic = "other"\npath = "data.codes[]"\nshow = "hidden"\n' + LISTS)
    filter = parse_filter("data.codes=x")
    assert not filter_problem(filter, MASKED_PERSON, ["documents"])
    for topics in (None, ["other"], ["documents", "other"], ["other-mailer-DLQ"]):
        assert filter_problem(filter, MASKED_PERSON, topics), topics


def test_whoever_may_use_the_filter_of_a_replay_reads_it(settings: Any) -> None:
    settings.EVENTDESK = config(LISTS)

    def may_read(filter: str, profile: AccessProfile, kind: Kind = Kind.FILTER) -> bool:
        order: Any = SimpleNamespace(what=What(kind=kind, filter=filter, topic="documents"))
        return may_read_filter(order, profile)

    assert may_read("data.codes=x", MASKED_PERSON)
    assert may_read("data.name=x", CLEAR_PERSON)
    for filter in ("data.name=x", "((", "some text"):
        assert not may_read(filter, MASKED_PERSON)
        assert not may_read(filter, replace(MASKED_PERSON, filters_masked=True)), "its case is not the replay's"
