"""The process that forks the workers has the modules of the tests that were asked for, and survives what they do."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.worker_server import files_of, import_each


def asked(root: Path, *arguments: str, folder: str = ".") -> list[str]:
    given: Any = SimpleNamespace(args=arguments, rootpath=root, invocation_params=SimpleNamespace(dir=root / folder))
    return [str(file) for file in files_of(given)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("root/tests/test_a.py", "root/tests/below/test_b.py", "root/tests/helpers.py", "elsewhere/test_c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "root"


def test_files_are_those_of_folders_and_of_single_tests_each_once(root: Path) -> None:
    assert asked(root, "tests") == ["tests/below/test_b.py", "tests/test_a.py"]
    assert asked(root, "tests/test_a.py::test_one[a::b]", "tests/test_a.py::test_two", "tests/test_a.py") == [
        "tests/test_a.py"
    ]
    assert asked(root, "tests/nothing", "tests.test_a") == []


def test_a_file_named_from_below_is_found_and_one_outside_of_the_root_is_left_out(root: Path) -> None:
    assert asked(root, "../test_a.py", folder="tests/below") == ["tests/test_a.py"]
    outside = str(root.parent / "elsewhere" / "test_c.py")
    assert asked(root, "../elsewhere", "../elsewhere/test_c.py", outside, "tests/test_a.py") == ["tests/test_a.py"]


def test_a_module_that_ends_its_import_does_not_end_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = (
        "raise SystemExit(3)",
        "pytest.exit('no')",
        "pytest.skip('no', allow_module_level=True)",
        "pytest.fail('no')",
        "1 / 0",
    )
    for number, end in enumerate(ends):
        (tmp_path / f"test_that_ends_{number}.py").write_text(f"import pytest\n{end}\n")
    (tmp_path / "test_that_works.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    import_each(sorted(file.relative_to(tmp_path) for file in tmp_path.iterdir()))
    assert {name for name in sys.modules if name.startswith("test_that_")} == {"test_that_works"}
