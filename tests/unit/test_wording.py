"""Wordings that strangers stumbled over stay off the pages: each with what to write instead (docs/writing.md)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "dashboard/static/dashboard").glob("*.js"))
INSTEAD = {
    r"\bby (?:itself|themselves)\b": "automatically, or nothing",
    r"\bnobody\b": "the actor: no consumer, no indexer, unknown",
    r"\b(?:come|comes|came) again\b": "is redelivered",
    r"\bpassed? over\b": "skipped",
    r"\btakes the role\b": "requires the role",
    r"\blooked into\b": "checked",
    r"\b(?:go|goes|going) on\b": "resume, continue",
    r"\bwhat comes from now on\b": "new events only",
    r"\bleave it as it is\b": "Cancel",
    r"\bcapitals and small letters\b": "case-sensitive",
    r"\bwhat can be asked\b": "Filter syntax",
    r"\bfits? no envelope\b": "unrecognised format",
    r"\ba second published\b": "events/s",
    r"\breceives next\b": "next to be delivered",
    r"\bstands? still\b": "is blocked",
    r"\bgo into the audit\b|\bgoes into the audit\b": "recorded with your name",
}


def read_by_people(page: str) -> str:
    """The template without its tags, comments and the markup's own attributes; labels and titles are kept."""
    page = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", page, flags=re.DOTALL)
    kept = " ".join(re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', page))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page) + " " + kept)


def sentences(script: str) -> str:
    """The texts of a script that have more than one word."""
    code = re.sub(r"^\s*//.*$", "", script, flags=re.MULTILINE)
    return " | ".join(text for text in re.findall(r'"([^"\n]*)"|`([^`]*)`', code) for text in text if " " in text)


def found_in(text: str) -> list[str]:
    return [f"{hit[0]!r}: write {better}" for bad, better in INSTEAD.items() if (hit := re.search(bad, text, re.IGNORECASE))]


@pytest.mark.parametrize("text", ["What waits is passed over.", "Nobody is connected", "This page tries again by itself."])
def test_a_wording_of_the_list_is_found(text: str) -> None:
    assert len(found_in(read_by_people(f'<p title="x">{{% if y %}}{text}{{% endif %}}</p>'))) == 1
    assert len(found_in(sentences(f'show("{text}");'))) == 1
    assert found_in(read_by_people(f"{{# {text} #}}")) == found_in(sentences(f"// {text}")) == []


def test_no_template_has_such_a_wording() -> None:
    assert TEMPLATES
    found = {path.relative_to(ROOT).as_posix(): found_in(read_by_people(path.read_text("utf-8"))) for path in TEMPLATES}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_no_script_says_such_a_thing() -> None:
    assert SCRIPTS
    found = {path.name: found_in(sentences(path.read_text("utf-8"))) for path in SCRIPTS}
    assert {path: hits for path, hits in found.items() if hits} == {}
