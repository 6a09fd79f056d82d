"""The commands that pages, messages and documents print, as they can be copied there."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from eventstore.config import migrate_command, shell_command
from tests.unit.documentation import code_on

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))
PAGES = tuple(sorted(ROOT.glob("templates/**/*.html")))
MESSAGES = tuple(sorted(path for half in ("dashboard", "eventstore") for path in ROOT.glob(f"{half}/**/*.py")))
TAG = re.compile(r'\{% shell_command ((?:"[^"]*"|[\w.]+)(?: (?:"[^"]*"|[\w.]+))*) %\}')
MAKERS: Mapping[str, Callable[..., str]] = {"shell_command": shell_command, "migrate_command": migrate_command}
"""What makes command lines, by name."""
FILLED_IN = "NAME"
"""Stands for an argument that is not known before the program runs."""


@dataclass(frozen=True, order=True)
class Printed:
    """A command line: its environment, what runs it, the command's name and arguments, and a file for its standard input."""

    line: str
    environment: tuple[str, ...]
    program: tuple[str, ...]
    name: str
    arguments: tuple[str, ...]
    stdin: str = ""


def printed() -> list[Printed]:
    """Every command line that is printed anywhere, once."""
    lines = {*_of_documents(), *_of_pages(), *_of_messages()}
    return sorted(_taken_apart(line) for line in lines)


def written_by_hand() -> list[str]:
    """Lines of code or of a page that spell a command out, and do not have it made by ``shell_command``."""
    return [
        line.strip()
        for path in (*PAGES, *MESSAGES)
        if path.name != "commands.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"manage\.py [a-z]", line)
    ]


def _of_documents() -> Iterator[str]:
    for path in DOCUMENTS:
        for code in code_on(path.read_text(encoding="utf-8")):
            if "manage.py " in code:
                yield code


def _of_pages() -> Iterator[str]:
    for path in PAGES:
        for tag in TAG.findall(path.read_text(encoding="utf-8")):
            words = re.findall(r'"[^"]*"|[\w.]+', tag)
            yield shell_command(*(word.strip('"') if word.startswith('"') else FILLED_IN for word in words))


def _of_messages() -> Iterator[str]:
    texts = (path.read_text(encoding="utf-8") for path in MESSAGES)
    for text in texts:
        if not any(name in text for name in MAKERS):
            continue  # most modules make none, and to parse all of them takes most of a second
        for node in ast.walk(ast.parse(text)):
            if _is_a_command(node) and isinstance(node.func, ast.Name):
                yield MAKERS[node.func.id](*map(_literal, node.args))


def _is_a_command(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this calls one of ``MAKERS`` with arguments that are written there."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS):
        return False
    return not any(isinstance(argument, ast.Starred) for argument in node.args)


def _literal(argument: ast.expr) -> str:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else FILLED_IN


def _taken_apart(line: str) -> Printed:
    words = shlex.split(line, comments=True)
    at = words.index("manage.py")
    environment = tuple(word for word in words[:at] if "=" in word)
    rest, mark, stdin = words[at + 1 :], "<", ""
    if mark in rest:
        place = rest.index(mark)
        rest, stdin = rest[:place], rest[place + 1]
    return Printed(line, environment, tuple(words[len(environment) : at]), rest[0], tuple(rest[1:]), stdin)
