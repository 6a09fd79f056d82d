"""The files of ``examples/production``: systemd and nginx take them, and they name nothing that there is not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local_nginx import LocalNginx, program

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples/production"
UNITS = sorted([*FOLDER.glob("*.service"), *FOLDER.glob("*.target")])
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PLACE = "/opt/eventdesk"
HARDENED = ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=\n", "User=eventdesk")


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    assert [unit.name for unit in UNITS] == [
        "eventdesk-index@.service",
        "eventdesk-jobs@.service",
        "eventdesk-migrate.service",
        "eventdesk-seal.service",
        "eventdesk-web@.service",
        "eventdesk.target",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Where the program lies is the one thing that is changed: systemd looks whether it is there."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(f"{PLACE}/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace(PLACE, str(ROOT)), encoding="utf-8")
    names = [str(tmp_path / unit.name.replace("@.", "@8001.")) for unit in UNITS]
    for unit, name in zip(UNITS, names, strict=True):
        if not Path(name).exists():
            shutil.copy(tmp_path / unit.name, name)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "eventdesk" in line]
    assert ours == []


def test_each_service_is_hardened_and_runs_a_command_of_ours() -> None:
    for unit in SERVICES:
        text = unit.read_text(encoding="utf-8")
        assert [line for line in HARDENED if line not in text] == [], unit.name
        commands = re.findall(r"^ExecStart=(\S+) (-m daphne -v 0|manage\.py \w+)", text, re.MULTILINE)
        assert commands, unit.name
        assert {path for path, _ in commands} == {f"{PLACE}/.venv/bin/python"}
    assert sum("LoadCredential" in unit.read_text() for unit in SERVICES) == 1, "one process alone reads the key of seals"


def test_every_variable_is_one_that_is_documented_and_no_secret_is_filled_in() -> None:
    documented = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    lines = [line for line in (FOLDER / "eventdesk.env").read_text().splitlines() if line and not line.startswith("#")]
    for name, value in (line.split("=", 1) for line in lines):
        assert f"`{name}`" in documented, name
        if name.endswith(("_KEY", "_SECRET")) and not name.endswith("_PUBLIC_KEY"):
            assert re.fullmatch("<.*secret>", value), name


@pytest.mark.skipif(program() is None, reason="nginx is not here")
def test_nginx_takes_its_file_and_no_log_has_an_address() -> None:
    nginx = LocalNginx([8001, 8002])
    try:
        nginx.make_files()
        assert nginx.check() == ""
    finally:
        nginx.remove()
    text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    for variable in ("$request ", "$request_uri", "$uri", "$args", "$http_referer"):
        formats = text[text.index("log_format") : text.index("limit_req_zone")]
        assert variable not in formats


def test_the_image_has_a_fixed_base_no_root_and_copies_only_what_there_is() -> None:
    lines = (FOLDER / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    bases = [line[1] for line in words if line[0] == "FROM"]
    assert len(bases) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-bookworm", bases[0])
    assert [line for line in words if line[0] == "USER"] == [["USER", "10001"]]
    copied = [word for line in words if line[0] == "COPY" for word in line[1:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert {line[0] for line in words} <= {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "CMD"}
    assert words[-1][0] == "CMD"
    assert not any(line[0] == "ADD" or "SECRET" in " ".join(line) for line in words)
