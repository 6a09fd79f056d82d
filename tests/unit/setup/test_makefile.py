"""``make`` with a virtual environment that is of no use."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.contract.helpers import eventually
from tests.desk_template import ROOT

ANEW = """#!/bin/sh
echo "$@" >> calls
mkdir -p .venv/bin
printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    program(tmp_path / "python-of-the-system", ANEW)
    return tmp_path


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(checkout: Path) -> tuple[str, list[str]]:
    made = subprocess.run(
        ["make", "install", "PYTHON=./python-of-the-system"], cwd=checkout, capture_output=True, text=True, check=True
    )
    calls = checkout / "calls"
    return made.stdout, [line for line in calls.read_text().splitlines() if "venv" in line] if calls.exists() else []


def test_a_venv_without_pip_is_made_anew(checkout: Path) -> None:
    program(checkout / ".venv" / "bin" / "python", "#!/bin/sh\nexit 1\n")
    said, calls = install(checkout)
    assert ".venv has no pip that works: making it anew." in said
    assert calls == ["-m venv --clear .venv"]


def test_one_that_works_stays(checkout: Path) -> None:
    program(checkout / ".venv" / "bin" / "python", "#!/bin/sh\nexit 0\n")
    said, calls = install(checkout)
    assert ("anew" in said, calls) == (False, [])


@pytest.mark.parametrize("copied", [False, True])
def test_python3_is_taken_where_nothing_executable_tells_which_one(checkout: Path, copied: bool) -> None:
    program(checkout / "path" / "python3", ANEW)
    if copied:
        program(checkout / "scripts" / "interpreter.sh", (ROOT / "scripts" / "interpreter.sh").read_text())
        (checkout / "scripts" / "interpreter.sh").chmod(0o644)
    environment = {"PATH": f"{checkout / 'path'}:{os.environ['PATH']}"}
    made = subprocess.run(["make", "install"], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    assert "-m venv --clear .venv" in (checkout / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("of_path", "of_system", "taken"),
    [
        ("3.11 without", "3.11 without", "system"),
        ("3.11 with", "3.11 without", "path"),
        ("3.13 without", "3.11 without", "path"),
        ("3.11 without", "", "path"),
        ("", "3.11 without", "path"),
    ],
)
def test_the_systems_python_is_taken_where_the_paths_is_the_same_compiled_without_profiles(
    tmp_path: Path, of_path: str, of_system: str, taken: str
) -> None:
    program(tmp_path / "python3", answering(of_path))
    program(tmp_path / "systems", answering(of_system))
    command = ["/bin/sh", str(ROOT / "scripts" / "interpreter.sh"), str(tmp_path / "systems")]
    made = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == {"system": str(tmp_path / "systems"), "path": "python3"}[taken]


@pytest.mark.parametrize(
    ("of_path", "kernel", "started"),
    [("3.11 without", "Linux", True), ("3.11 without", "Darwin", False), ("3.11 with", "Linux", False), ("", "Linux", False)],
)
def test_the_systems_python_is_started_only_where_it_may_be_taken(
    tmp_path: Path, of_path: str, kernel: str, started: bool
) -> None:
    """On macOS it may be a dialog."""
    program(tmp_path / "python3", answering(of_path))
    program(tmp_path / "uname", answering(kernel))
    program(tmp_path / "systems", f"#!/bin/sh\n: > {tmp_path / 'was-started'}\necho 3.11 without\n")
    command = ["/bin/sh", str(ROOT / "scripts" / "interpreter.sh"), str(tmp_path / "systems")]
    made = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert (tmp_path / "was-started").exists() is started
    assert made.stdout.strip() == (str(tmp_path / "systems") if started else "python3")


def answering(about: str) -> str:
    return f"#!/bin/sh\necho {about}\n" if about else "#!/bin/sh\nexit 1\n"


def test_every_pin_is_installed_once_whatever_stands_beside_it(tmp_path: Path) -> None:
    program(tmp_path / "python", f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    (tmp_path / "one.txt").write_text("# Of one's own.\n-r two.txt\n\nDjango==5.2\npsycopg[binary]==3.3  # for PostgreSQL\n")
    (tmp_path / "two.txt").write_text("zope.interface==8.7\nidna==3\nDjango==5.2\ncffi==2.1.1\nh11==0.16\n")
    command = ["sh", str(ROOT / "scripts" / "install_side_by_side.sh"), "./python", "one.txt", "two.txt"]
    subprocess.run(command, cwd=tmp_path, check=True)
    *calls, checked = [call.split() for call in (tmp_path / "calls").read_text().splitlines()]
    assert checked[-1] == "check"
    assert len(calls) == 4
    assert all("--no-deps" in call for call in calls)
    assert sorted(word for call in calls for word in call if "==" in word) == sorted(
        ["Django==5.2", "psycopg[binary]==3.3", "zope.interface==8.7", "idna==3", "cffi==2.1.1", "h11==0.16"]
    )


@pytest.mark.parametrize(
    ("last", "fails_at", "installed"),
    [
        ("h11==0.16", "", True),
        ("h11>=0.16", "", False),
        ("h11==0.16", "cffi==2.1.1", False),
        ("h11==0.16", "check", False),
        ("Zope.interface==8.6", "", False),
    ],
    ids=["all of it", "what is not pinned", "what was not found", "what needs something else", "two versions"],
)
def test_what_was_installed_side_by_side_is_left_to_pip_unless_it_is_complete(
    tmp_path: Path, last: str, fails_at: str, installed: bool
) -> None:
    program(tmp_path / "python", f'#!/bin/sh\ncase " $* " in *" {fails_at or "nothing"} "*) exit 1;; esac\n')
    (tmp_path / "one.txt").write_text(f"# Of one's own.\n\nDjango==5.2\nidna==3  # for names\ncffi==2.1.1\n{last}\n")
    (tmp_path / "two.txt").write_text("-r one.txt\nzope.interface==8.7\n")
    command = ["sh", str(ROOT / "scripts" / "install_side_by_side.sh"), "./python", "two.txt", "one.txt"]
    assert (subprocess.run(command, cwd=tmp_path, check=False).returncode == 0) is installed


def test_ctrl_c_ends_what_installs(tmp_path: Path) -> None:
    program(tmp_path / "python", f"#!/bin/sh\necho $$ >> {tmp_path}/started\nexec sleep 60\n")
    (tmp_path / "one.txt").write_text("Django==5.2\nidna==3\ncffi==2.1.1\nh11==0.16\n")
    command = ["sh", str(ROOT / "scripts" / "install_side_by_side.sh"), "./python", "one.txt"]
    started = tmp_path / "started"
    with subprocess.Popen(command, cwd=tmp_path) as installing:
        assert eventually(lambda: started.exists() and len(started.read_text().split()) == 4)
        installing.send_signal(signal.SIGINT)
    assert installing.returncode == 130
    assert not [number for number in started.read_text().split() if Path(f"/proc/{number}").exists()]
