"""What the architecture's tests look at: rooms, modules, functions and the page that describes them, in any tree.

A *half* is a top-level package (``eventstore``, ``dashboard``), a *room* a package in it, a *floor* one line of an
import-linter contract. Each check returns its findings, from a path (relative to the root, ``module.py::function`` for a
function) to what is wrong there; an empty dictionary means that nothing is. Migrations are never looked at.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

MOST_MODULES, MOST_LINES, MOST_FUNCTION_LINES = 14, 300, 40
DRIFTING = {"time.time", "datetime.now", "uuid.uuid4", "uuid4", "os.getpid", "random.random", "random.randbytes", "os.urandom"}
Findings = dict[str, str]
Floors = list[set[str]]


def modules(root: Path, *tops: str) -> list[Path]:
    """Every Python file below these folders, in order."""
    paths = (path for top in tops for path in sorted((root / top).rglob("*.py")))
    return [path for path in paths if "migrations" not in path.parts]


def rooms(root: Path, *halves: str) -> dict[str, list[Path]]:
    """Every folder below these halves that holds modules, themselves included, with its modules."""
    found: dict[str, list[Path]] = {}
    for path in modules(root, *halves):
        found.setdefault(path.parent.relative_to(root).as_posix(), []).append(path)
    return found


def crowded_rooms(root: Path, *halves: str) -> Findings:
    return {
        room: f"{len(paths)} modules, at most {MOST_MODULES}: split it"
        for room, paths in rooms(root, *halves).items()
        if len(paths) > MOST_MODULES
    }


def silent_rooms(root: Path, *halves: str) -> Findings:
    """Rooms whose ``__init__`` does not say what they are for."""
    return {
        room: "no docstring in its __init__"
        for room in rooms(root, *halves)
        if not (root / room / "__init__.py").is_file() or not ast.get_docstring(tree(root / room / "__init__.py"))
    }


def long_modules(root: Path, *tops: str) -> Findings:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(root, *tops)}
    return {
        path.relative_to(root).as_posix(): f"{count} lines, at most {MOST_LINES}: split it"
        for path, count in lines.items()
        if count > MOST_LINES
    }


def long_functions(root: Path, *tops: str) -> Findings:
    """Functions that are too long from ``def`` to their last line, docstring included and decorators not."""
    return {
        f"{path.relative_to(root).as_posix()}::{function.name}": f"{lines} lines, at most {MOST_FUNCTION_LINES}: split it"
        for path in modules(root, *tops)
        for function in statements(path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (function.end_lineno or 0) - function.lineno + 1) > MOST_FUNCTION_LINES
    }


def drifting_parameters(root: Path, *tops: str) -> Findings:
    """Parameter sets of tests that call what answers otherwise each second or run.

    Their values become the tests' names, and pytest-xdist runs nothing where two workers find different names.
    ``gzip.compress`` writes the time into its head, unless it is told another one.
    """
    return {
        f"{path.relative_to(root).as_posix()}::{function.name}": f"{drifting} in its parameters names it otherwise each time"
        for path in modules(root, *tops)
        for function in statements(path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in function.decorator_list
        for drifting in _drifting(decorator)
    }


def _drifting(expression: ast.expr) -> Iterator[str]:
    for call in ast.walk(expression):
        if isinstance(call, ast.Call):
            name = ast.unparse(call.func)
            if name in DRIFTING or (name == "gzip.compress" and "mtime" not in {word.arg for word in call.keywords}):
                yield name


def unnamed_rooms(root: Path, page: str, *halves: str) -> Findings:
    """Rooms that the page does not name, as ``half/room/`` in code quotes."""
    named = set(paths_on(page))
    return {room: "not named on the page" for room in rooms(root, *halves) if f"{room}/" not in named}


def lost_paths(root: Path, page: str) -> Findings:
    """Paths in code quotes on the page that do not exist."""
    return {path: "named on the page, and does not exist" for path in paths_on(page) if not _exists(root, path)}


def paths_on(page: str) -> Iterator[str]:
    """Each path in code quotes: what holds a slash, begins with a letter and is made of names alone."""
    return (code for code in re.findall(r"`([^`\n]+)`", page) if re.fullmatch(r"[a-z]\w*/[\w./*-]*", code, re.IGNORECASE))


def floors_on(page: str, container: str) -> Floors:
    """The floors of this package by the page's tables, top first: rows of ``| number | `package/room/` | … |``."""
    rows = re.findall(rf"^\| (\d+) \| `{re.escape(container)}/(\w+)(?:/|\.py)` \|", page, re.MULTILINE)
    return [{room for number, room in rows if number == floor} for floor in sorted({number for number, _ in rows}, key=_down)]


def floors_in(pyproject: str, container: str) -> Floors:
    """The floors of this package by its import-linter contract, top first."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == [container]]
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in layers]


def excused_imports(pyproject: str) -> Findings:
    """Imports that a contract leaves out of account."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    return {
        excused: f'left out of account by the contract "{contract["name"]}"'
        for contract in contracts
        for excused in contract.get("ignore_imports", [])
    }


def unexpected(found: Findings, known: Set[str]) -> list[str]:
    """What is wrong that was not known, and what was known and is no longer wrong: both have to be mended."""
    new = [f"{place}: {wrong}" for place, wrong in found.items() if place not in known]
    return new + [f"{place}: all is well now, take it off the list of known ones" for place in sorted(known - found.keys())]


@cache
def statements(path: Path) -> tuple[ast.stmt, ...]:
    """Every statement of this module, those within others included. Expressions, most of a module's nodes, are left out."""
    return tuple(_statements_in(tree(path)))


def _statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements_in(child)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def forget() -> None:
    """Let go of the modules that were parsed."""
    statements.cache_clear()
    tree.cache_clear()


def _exists(root: Path, path: str) -> bool:
    if "*" in path:
        return next(root.glob(path), None) is not None
    return (root / path).is_dir() if path.endswith("/") else (root / path).exists()


def _down(number: str) -> int:
    return -int(number)
