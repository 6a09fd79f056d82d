"""Wordings that strangers stumbled over stay off pages, messages and documents: each with what to write instead
(docs/writing.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "dashboard/static/dashboard").glob("*.js"))
MODULES = sorted(path for half in ("dashboard", "eventstore") for path in (ROOT / half).rglob("*.py"))
DOCUMENTS = sorted(path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if path.name != "writing.md")
JOINED = re.compile(r'"\s*\n\s*f?"')
QUOTED = re.compile(r'"([^"\n]* [^"\n]*)"')
COMMENT = re.compile(r'"""[\s\S]*?"""|#.*')
INSTEAD = {
    r"\bby (?:itself|themselves)\b": "automatically, or nothing",
    r"\bnobody\b": "the actor: no consumer, no indexer, unknown",
    r"\b(?:come|comes|came) again\b": "is redelivered",
    r"\b(?:pass|(?:is|are|be) passed) over\b": "skipped",
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
    r"(?<!there )\b(?:is|are) no (?:json|text|utf-8|rfc|host|address|terminal|gzip|cloudevent|position in)\b": "is not a …",
    r"\bnoticed\b": "detected",
    r"\bwas not made for\b": "cannot handle",
    r"\btrying again helps\b": "try again",
    r"\bleave [^ ]+ away\b": "omit",
    r"\bsomebod(?:y|y's) (?:is|has|else)\b": "someone, or the actor",
    r"\bslip of the pen\b|\bleft behind\b|\bless than nothing\b|\bthose alone\b|\bthe last so many\b": "plain words",
    r"\bit cannot be told\b": "it is not known",
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


def said_in(module: str) -> Iterator[str]:
    """The texts of a module that have more than one word, but for docstrings: errors, messages, log lines, help, pages."""
    nodes = list(ast.walk(ast.parse(module)))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in documentation
        ):
            yield node.value


def found_in(text: str) -> list[str]:
    """What is wrong with the text, which is compared in small letters: ignoring case takes five times as long."""
    lower = text.lower()
    return [f"{hit[0]!r}: write {better}" for bad, better in INSTEAD.items() if (hit := re.search(bad, lower))]


@pytest.mark.parametrize("text", ["What waits is passed over.", "Nobody is connected", "This page tries again by itself."])
def test_a_wording_of_the_list_is_found(text: str) -> None:
    assert len(found_in(read_by_people(f'<p title="x">{{% if y %}}{text}{{% endif %}}</p>'))) == 1
    assert len(found_in(sentences(f'show("{text}");'))) == 1
    assert len(found_in(" | ".join(said_in(f"def f(x):\n    raise ValueError(f'{{x}}: {text}')")))) == 1
    assert found_in(read_by_people(f"{{# {text} #}}")) == found_in(sentences(f"// {text}")) == []
    assert list(said_in(f'def f():\n    """{text}"""  # {text}')) == []


def test_no_template_has_such_a_wording() -> None:
    assert TEMPLATES
    found = {path.relative_to(ROOT).as_posix(): found_in(read_by_people(path.read_text("utf-8"))) for path in TEMPLATES}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_no_script_says_such_a_thing() -> None:
    assert SCRIPTS
    found = {path.name: found_in(sentences(path.read_text("utf-8"))) for path in SCRIPTS}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_no_error_message_log_line_or_help_text_says_such_a_thing() -> None:
    assert MODULES
    found = {}
    for path in MODULES:
        module = path.read_text("utf-8")
        # Roughly at first, with what only looks like a text: taking every module apart would take a second.
        if found_in(" | ".join(QUOTED.findall(JOINED.sub("", COMMENT.sub("", module))))):
            found[path.relative_to(ROOT).as_posix()] = [hit for text in said_in(module) for hit in found_in(text)]
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_no_document_says_such_a_thing() -> None:
    assert DOCUMENTS
    found = {path.name: found_in(re.sub(r"\s+", " ", path.read_text("utf-8"))) for path in DOCUMENTS}
    assert {path: hits for path, hits in found.items() if hits} == {}
