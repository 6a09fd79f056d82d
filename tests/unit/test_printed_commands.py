"""Every command that a page, a message or a document prints names a command that exists, with arguments that it takes."""

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
PAGES = tuple(ROOT.glob("templates/**/*.html"))
MESSAGES = tuple(path for half in ("dashboard", "eventstore") for path in ROOT.glob(f"{half}/**/*.py"))
FILLED_IN = re.compile(r"\{\{?[^{}\n]*\}\}?")
"""What a template or an f-string puts in."""
JOINED = re.compile(r'"\s*\n\s*f?"')
"""Between two lines of one text in Python."""
PRINTED = re.compile(r"(\S*\s|)manage\.py ([a-z_]+)((?: (?!# |&&)[^\s`<>\"'()]+)*)")
"""The whole of what can be pasted: up to a comment, the next command, or the end of the line, text, code or brackets."""


def printed(paths: tuple[Path, ...]) -> set[tuple[str, str, str]]:
    """What stands before ``manage.py``, the command, and its arguments."""
    texts = (FILLED_IN.sub("NAME", JOINED.sub("", path.read_text(encoding="utf-8")).replace("\\\n", " ")) for path in paths)
    return {(before.strip(), name, more.strip()) for text in texts for before, name, more in PRINTED.findall(text)}


def command(name: str) -> BaseCommand:
    return load_command_class(get_commands()[name], name)


@pytest.mark.parametrize(("name", "arguments"), sorted({one[1:] for one in printed((*DOCUMENTS, *PAGES, *MESSAGES))}))
def test_a_printed_command_exists_and_takes_its_arguments(name: str, arguments: str) -> None:
    assert name in get_commands()
    options = [word for word in arguments.split() if word.startswith("--")]
    assert not re.search(r"[.,:;]( |$)", arguments), "the punctuation would be pasted too"
    parser = command(name).create_parser("manage.py", name)
    known = {option for action in parser._actions for option in action.option_strings}
    assert set(options) <= known
    if options and not any(action.required for action in parser._actions):
        assert any(parses(parser, arguments, instead) for instead in ("1", "default"))


def parses(parser: ArgumentParser, arguments: str, instead: str) -> bool:
    """Whether the parser takes these arguments, with this in place of each NAME."""
    try:
        parser.parse_args([instead if word.isupper() else word for word in arguments.split()])
    except CommandError:
        return False
    return True


def test_what_pages_and_messages_print_can_be_pasted() -> None:
    bare = {one for one in printed((*PAGES, *MESSAGES)) if not one[0].endswith(("python", "NAME")) and one[1] != "runserver"}
    assert bare == set()
