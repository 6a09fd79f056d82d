"""The files of ``examples/production``: systemd and nginx take them, and they name nothing that there is not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from eventstore.config import load_config
from scripts.local_nginx import AROUND, LocalNginx, program
from tests.broker_fixture import left_out
from tests.unit.documentation import code_on

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


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Where the program lies is the one thing that is changed: systemd looks whether it is there."""
    if shutil.which("systemd-analyze") is None:
        left_out("systemd-analyze is not here (Debian: apt-get install systemd)")
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


def test_all_units_need_the_tables_and_what_makes_them_waits_for_the_databases_without_end() -> None:
    waits = (FOLDER / "eventdesk-migrate.service").read_text(encoding="utf-8")
    assert re.search(
        r"^TimeoutStartSec=infinity\nExecStartPre=\S+ manage\.py wait_for_databases\nExecStart=", waits, re.MULTILINE
    )
    others = [unit for unit in SERVICES if unit.name != "eventdesk-migrate.service"]
    assert all("Requires=eventdesk-migrate.service\n" in unit.read_text() for unit in others)


VARIABLE = re.compile(r"^#?([A-Z_]+)='([^']*)'$")


def test_every_variable_is_one_that_is_documented_and_no_secret_is_filled_in() -> None:
    documented = "".join((ROOT / f"docs/{page}.md").read_text() for page in ("running", "point-at-your-pulsar"))
    lines = (FOLDER / "eventdesk.env").read_text(encoding="utf-8").splitlines()
    given = {found[1]: found[2] for line in lines if (found := VARIABLE.match(line))}
    assert [line for line in lines if not line.startswith("# ") and not VARIABLE.match(line)] == [], "all in single quotes"
    assert [name for name in given if f"`{name}`" not in documented] == []
    secrets = [name for name in given if name.endswith(("_KEY", "_SECRET")) and not name.endswith("_PUBLIC_KEY")]
    assert {name: given[name] for name in secrets if not re.fullmatch("<.*secret>", given[name])} == {}


def test_the_page_puts_every_file_in_place_that_settings_and_units_name() -> None:
    page = (ROOT / "docs/production.md").read_text(encoding="utf-8")
    commands = "\n".join(code_on(page))
    settings = [line for line in (FOLDER / "eventdesk.env").read_text().splitlines() if not line.startswith("#")]
    units = [unit.read_text(encoding="utf-8") for unit in SERVICES]
    named = set(re.findall(r"/etc/eventdesk/([\w.-]+)", "\n".join([*settings, *units]))) - {"seal-key.pub"}
    assert named >= {"eventdesk.env", "eventdesk.toml", "seal-key"}
    assert [name for name in named if not re.search(rf"(install|mv) .*{re.escape(name)}\b", commands)] == []
    assert "install -d -o eventdesk -m 0755 /var/lib/eventdesk-seals" in commands
    assert "worker_connections 4096;" in AROUND and "worker_connections 4096;" in commands, "as many as are tried"


def test_a_shell_reads_the_settings_as_systemd_does(tmp_path: Path) -> None:
    """systemd takes what is in single quotes as it is. A shell would end a command at & and ;."""
    text = (FOLDER / "eventdesk.env").read_text(encoding="utf-8").replace("<password>", 'a&b;c$HOME "d\\e`f#')
    (tmp_path / "env").write_text(text)
    lines = ["sh", "-euc", "set -a; . ./env; set +a; exec env -0"]
    done = subprocess.run(lines, cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    wanted = {found[1]: found[2] for line in text.splitlines() if line[0] != "#" and (found := VARIABLE.match(line))}
    assert len(wanted) > 10
    assert wanted.items() <= dict(one.split("=", 1) for one in done.stdout.split("\0") if one).items()


def test_the_configuration_to_begin_with_is_valid_as_it_is_and_with_all_that_it_offers(tmp_path: Path) -> None:
    file = FOLDER / "eventdesk.toml"
    text = file.read_text(encoding="utf-8")
    (tmp_path / "all.toml").write_text(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE))
    begun, whole = load_config(str(file)), load_config(str(tmp_path / "all.toml"))
    assert (begun.installation.kind, begun.projections, begun.mappings, begun.access.scope) == ("PRODUCTION", (), (), ())
    assert len(whole.access.scope) == 1


def test_nginx_takes_its_file_and_no_log_has_an_address() -> None:
    if program() is None:
        left_out("nginx is not here (Debian: apt-get install nginx-light)")
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
