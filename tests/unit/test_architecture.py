"""The two halves, their rooms and their floors: import-linter's contracts, what these cannot say, and docs/architecture.md."""

import ast
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import architecture

ROOT = Path(__file__).resolve().parents[2]
WEB = ("channels", "daphne", "dashboard", "django.http", "django.shortcuts", "django.template", "django.urls", "django.views")
HALVES = ("eventstore", "dashboard")
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

# Modules, functions and rooms that are still too large. These lists only ever shrink: split one, and take it off.
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()
CROWDED_ROOMS = set[str]()
EXCUSED_IMPORTS: set[str] = set()
EVERYTHING = (*HALVES, "tests", "scripts", "benchmarks")


@pytest.fixture(scope="module", autouse=True)
def parsed_modules() -> Iterator[None]:
    """All modules are parsed once, and forgotten at the end. Python need not look through millions of nodes for garbage: that
    took as long as to parse them."""
    gc.disable()
    yield
    gc.enable()
    architecture.forget()


def imports(path: Path) -> Iterator[str]:
    """Each module that this file imports, late imports included, ``from x import y`` as ``x.y``."""
    package = list(path.relative_to(ROOT).with_suffix("").parts)[:-1]
    for node in architecture.statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*base, *([node.module] if node.module else []), alias.name]) for alias in node.names)


def modules_named(path: Path) -> Iterator[str]:
    """Each module that this file names in an import: ``x`` of ``from x import y``."""
    for node in architecture.statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    assert found
    return found


def within(module: str, roof: str) -> bool:
    return module == roof or module.startswith(f"{roof}.")


def offences(paths: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in paths
        for module in imports(path)
        if any(within(module, roof) for roof in forbidden)
    ]


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_event_store_knows_nothing_of_the_web() -> None:
    assert offences(files("eventstore"), *WEB) == []


def test_the_dashboard_imports_the_rooms_of_the_event_store_and_nothing_deeper() -> None:
    deeper = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files("dashboard")
        for module in modules_named(path)
        if within(module, "eventstore") and module.count(".") != 1
    ]
    assert deeper == []


def test_pulsars_client_is_imported_in_its_driver_alone() -> None:
    """Benchmarks and the broker's own tests may: they set the driver against the bare client."""
    may = (ROOT / "eventstore" / "drivers" / "pulsar", ROOT / "tests" / "broker")
    others = [
        path
        for path in files("eventstore", "dashboard", "tests", "scripts")
        if not any(path.is_relative_to(room) for room in may)
    ]
    assert offences(others, "pulsar", "_pulsar") == []


def test_pages_do_not_import_each_other() -> None:
    for room in ("views", "sockets"):
        shared = "__init__ at_the_provider connecting consuming handshake open_sockets refusing routing session"
        texts = "short_texts texts_in_parts"
        pages = [path for path in files(f"dashboard/{room}") if path.stem not in f"{shared} {texts}".split()]
        for page in pages:
            others = [f"dashboard.{room}.{other.stem}" for other in pages if other != page]
            assert offences([page], *others) == []


def test_pages_use_the_faces_of_the_desk_and_not_the_store_behind_them() -> None:
    """Commands may: the demo publishes and consumes as services do."""
    past = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files("dashboard")
        if "management" not in path.parts
        for node in ast.walk(architecture.tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("store", "_storage", "_log")
    ]
    assert past == []


@pytest.mark.parametrize("container", ["eventstore", "eventstore.index", "dashboard"])
def test_the_page_has_the_floors_of_the_contracts(container: str) -> None:
    assert architecture.floors_on(PAGE, container.replace(".", "/")) == architecture.floors_in(PYPROJECT, container)


def test_no_contract_leaves_an_import_out_of_account() -> None:
    assert architecture.unexpected(architecture.excused_imports(PYPROJECT), EXCUSED_IMPORTS) == []


def test_the_page_names_every_room() -> None:
    assert architecture.unnamed_rooms(ROOT, PAGE, *HALVES) == {}


def test_every_path_on_the_page_exists() -> None:
    assert architecture.lost_paths(ROOT, PAGE) == {}


def test_every_room_says_what_it_is_for() -> None:
    assert architecture.silent_rooms(ROOT, *HALVES) == {}


def test_no_room_is_crowded() -> None:
    assert architecture.unexpected(architecture.crowded_rooms(ROOT, *HALVES), CROWDED_ROOMS) == []


def test_no_module_is_long() -> None:
    assert architecture.unexpected(architecture.long_modules(ROOT, *EVERYTHING), LONG_MODULES) == []


def test_no_function_is_long() -> None:
    assert architecture.unexpected(architecture.long_functions(ROOT, *EVERYTHING), LONG_FUNCTIONS) == []


def test_no_test_is_named_after_the_second_in_which_it_was_collected() -> None:
    assert architecture.drifting_parameters(ROOT, "tests") == {}
