"""The architecture's checks can fail: each is shown a small tree that breaks its rule."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import architecture

PAGE = """
| Floor | Room | For |
|---|---|---|
| 2 | `shop/till/` | taking money |
| 2 | `shop/window/` | showing things |
| 1 | `shop/store.py` | keeping things |
"""
PYPROJECT = """
[tool.importlinter]
root_packages = ["shop"]

[[tool.importlinter.contracts]]
name = "Floors"
type = "layers"
containers = ["shop"]
layers = ["till | window", "store"]

[[tool.importlinter.contracts]]
name = "No circles"
type = "acyclic_siblings"
ancestors = ["shop"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree in which all is well."""
    for name in ("__init__", "till/__init__", "till/drawer", "window/__init__", "store", "till/migrations/__init__"):
        write(tmp_path, f"shop/{name}.py", '"""What it is for."""\n')
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def contracts(root: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def test_a_tree_in_which_all_is_well_passes_every_check(root: Path) -> None:
    checks = (architecture.crowded_rooms, architecture.silent_rooms, architecture.long_modules, architecture.long_functions)
    assert [check(root, "shop") for check in checks] == [{}] * 4
    assert architecture.unnamed_rooms(root, PAGE + "`shop/`", "shop") == {}
    assert architecture.lost_paths(root, PAGE) == {}
    assert architecture.floors_on(PAGE, "shop") == architecture.floors_in(PYPROJECT, "shop") == [{"till", "window"}, {"store"}]
    assert contracts(root)[0] == 0


def test_a_fifteenth_module_crowds_a_room(root: Path) -> None:
    for number in range(12):
        write(root, f"shop/till/drawer{number}.py", "")
    assert architecture.crowded_rooms(root, "shop") == {}
    write(root, "shop/till/one_more.py", "")
    assert list(architecture.crowded_rooms(root, "shop")) == ["shop/till"]


@pytest.mark.parametrize("text", ["", "# What it is for.\n", "drawer = 1\n"])
def test_a_room_has_to_say_what_it_is_for(root: Path, text: str) -> None:
    write(root, "shop/till/__init__.py", text)
    assert list(architecture.silent_rooms(root, "shop")) == ["shop/till"]


def test_a_folder_of_modules_without_an_init_is_a_room_that_says_nothing(root: Path) -> None:
    write(root, "shop/cellar/box.py", '"""A box."""\n')
    assert list(architecture.silent_rooms(root, "shop")) == ["shop/cellar"]


def test_a_line_too_many_makes_a_module_long(root: Path) -> None:
    write(root, "shop/store.py", "thing = 1\n" * 300)
    assert architecture.long_modules(root, "shop") == {}
    write(root, "shop/store.py", "thing = 1\n" * 301)
    assert list(architecture.long_modules(root, "shop")) == ["shop/store.py"]


def test_a_line_too_many_makes_a_function_long_wherever_it_stands(root: Path) -> None:
    for path, lines in (("shop/short.py", 39), ("shop/long.py", 40)):
        write(root, path, "class Thing:\n    async def keep(self):\n" + "        thing = 1\n" * lines)
    assert list(architecture.long_functions(root, "shop")) == ["shop/long.py::keep"]


def test_migrations_may_be_as_long_as_they_are(root: Path) -> None:
    write(root, "shop/till/migrations/0001_initial.py", "def forwards():\n" + "    thing = 1\n" * 301)
    assert architecture.long_modules(root, "shop") == architecture.long_functions(root, "shop") == {}


def test_a_room_that_the_page_does_not_name_is_found(root: Path) -> None:
    page = PAGE.replace("`shop/window/`", "`shop/windows/`") + "`shop/`"
    assert list(architecture.unnamed_rooms(root, page, "shop")) == ["shop/window"]


@pytest.mark.parametrize("path", ["shop/cellar/", "shop/till/drawer", "shop/store.py/", "shop/c*.py", "Shop/store.py"])
def test_a_path_on_the_page_that_does_not_exist_is_found(root: Path, path: str) -> None:
    assert list(architecture.lost_paths(root, f"{PAGE} see `{path}`, `shop/till/d*.py` and `GET /shop/`")) == [path]


def test_a_room_on_another_floor_than_the_contract_says_makes_the_floors_differ() -> None:
    for page in (
        PAGE.replace("| 2 | `shop/window/`", "| 3 | `shop/window/`"),
        PAGE.replace("`shop/store.py`", "`shop/shed.py`"),
    ):
        assert architecture.floors_on(page, "shop") != architecture.floors_in(PYPROJECT, "shop")


def test_an_import_upward_breaks_the_floors(root: Path) -> None:
    write(root, "shop/store.py", "import shop.window\n")
    code, said = contracts(root)
    assert code == 1
    assert "shop.store is not allowed to import shop.window" in said


def test_two_modules_that_import_each_other_are_a_circle(root: Path) -> None:
    write(root, "shop/till/coins.py", "import shop.till.drawer\n")
    write(root, "shop/till/drawer.py", "def pay():\n    from shop.till import coins\n")
    code, said = contracts(root)
    assert code == 1
    assert "No circles BROKEN" in said


@pytest.mark.parametrize("value", ["gzip.compress(b'')", "[b'x', (1, uuid4())]"])
def test_a_parameter_that_is_another_one_each_second_is_found(root: Path, value: str) -> None:
    write(
        root,
        "tests/test_x.py",
        "@pytest.mark.parametrize('x', [gzip.compress(b'', mtime=0)])\ndef test_a(x): gzip.compress(x)\n",
    )
    assert architecture.drifting_parameters(root, "tests") == {}
    write(root, "tests/test_y.py", f"@pytest.mark.parametrize('x', {value})\ndef test_b(x): ...\n")
    assert list(architecture.drifting_parameters(root, "tests")) == ["tests/test_y.py::test_b"]


def test_an_import_that_a_contract_leaves_out_of_account_is_found() -> None:
    excused = 'ignore_imports = ["shop.store -> shop.till"]'
    assert architecture.excused_imports(PYPROJECT) == {}
    assert list(architecture.excused_imports(PYPROJECT + excused)) == ["shop.store -> shop.till"]


def test_what_is_known_may_stay_wrong_and_nothing_else() -> None:
    assert architecture.unexpected({"a.py": "301 lines"}, {"a.py"}) == []
    assert architecture.unexpected({"a.py": "301 lines", "b.py": "302 lines"}, {"a.py"}) == ["b.py: 302 lines"]


def test_what_is_known_has_to_go_from_the_list_once_it_is_mended() -> None:
    (said,) = architecture.unexpected({}, {"a.py"})
    assert said.startswith("a.py: all is well now")
