"""The record's commands: a key is made, the record sealed and verified, at a shell."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from dashboard.auditing.acts import acts
from dashboard.models import State
from scripts import check_record
from tests.unit.auditing.helpers import an_act, sql
from tests.unit.auditing.sealed import everything, put, tampered

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("desk_databases")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Two acts, sealed; the folder has the key and the seals."""
    for _ in range(2):
        an_act()
    said = run("make_seal_key", str(tmp_path / "seal.key"), "--record", "desk.example.org/record")
    assert "desk.example.org/record+" in said
    assert (tmp_path / "seal.key").read_text() not in said
    with override_settings(EVENTDESK_SEAL_KEY=str(tmp_path / "seal.key"), EVENTDESK_SEALS=str(tmp_path / "record.seals")):
        assert "Sealed 4 entries" in run("seal_record")
    return tmp_path


def test_the_example_unit_seals_with_the_key_alone_as_systemd_gives_it(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (ROOT / "examples/production/eventdesk-seal.service").read_text(encoding="utf-8")
    (credential,) = re.findall(r"^LoadCredential=(.+):(.+)$", unit, re.MULTILINE)
    given = dict(
        re.findall(r"(EVENTDESK_SEAL\w*)='?([^\s']+)", (ROOT / "examples/production/eventdesk.env").read_text() + unit)
    )
    assert given["EVENTDESK_SEAL_PUBLIC_KEY"] == f"{credential[1]}.pub", "make_seal_key writes them beside each other"
    key = sealed / "credentials" / credential[0]
    key.parent.mkdir()
    key.write_bytes((sealed / "seal.key").read_bytes())
    key.chmod(0o440)
    there = {"%d": str(key.parent), f"{credential[1]}.pub": f"{sealed}/seal.key.pub", "/var/lib/eventdesk-seals": str(sealed)}
    for name, value in given.items():
        given[name] = re.sub("|".join(map(re.escape, there)), lambda found: there[found[0]], value)
    with override_settings(**given):
        with pytest.raises(CommandError, match="chmod 600"):
            run("seal_record")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(key.parent))
        assert "Sealed 4 entries" in run("seal_record")
        key.chmod(0o460)
        with pytest.raises(CommandError, match="chmod 600"):
            run("seal_record")
        key.chmod(0o400)
        (sealed / "seal.key.pub").write_text((sealed / "seal.key.pub").read_text()[:-9])
        with pytest.raises(CommandError, match="is no public key of seals"):
            run("seal_record")


def verify(folder: Path, *more: str) -> str:
    return run("verify_record", "--seals", f"{folder}/record.seals", "--public-key", f"{folder}/seal.key.pub", *more)


def test_a_record_is_sealed_verified_and_exported_for_a_check_elsewhere(sealed: Path) -> None:
    an_act()
    said = verify(sealed, "--export", f"{sealed}/record.ndjson")
    assert "The chain holds: entries 1 to 7" in said, "with the entry of the export itself"
    assert "All 1 seals hold" in said
    assert "3 entries came after it" in said
    (exported,) = acts(action="export_record")
    assert (exported.state, exported.via, exported.details["whole"]) == (State.DONE, "shell", True)
    seals = list(check_record.seals_in(sealed / "record.seals", *check_record.public_key(sealed / "seal.key.pub")))
    assert [seal.size for seal in seals] == [4]
    with (sealed / "record.ndjson").open() as lines:
        assert check_record.check(lines, seals) == 7
    with pytest.raises(CommandError, match="was not written"):
        verify(sealed, "--export", f"{sealed}/record.ndjson")
    assert len(acts(action="export_record")) == 1


@pytest.mark.parametrize("changed", [lambda text: text.replace("\n4\n", "\n3\n"), lambda text: ""])
def test_a_record_of_which_no_seal_holds_does_not_pass(sealed: Path, changed: Callable[[str], str]) -> None:
    file = sealed / "record.seals"
    assert "All 1 seals hold" in verify(sealed)
    file.write_text(changed(file.read_text()))
    with pytest.raises(CommandError, match="No seal holds"):
        verify(sealed)
    put(tampered("changed", everything(), 2))
    with pytest.raises(CommandError, match="broken at entry 3"):
        verify(sealed)


def test_the_first_broken_place_is_named(sealed: Path) -> None:
    entries = everything()
    put(tampered("changed, chain anew", entries, 2))
    assert "The chain holds" in run("verify_record")
    with pytest.raises(CommandError, match="broken at entry 1: entries 1 to 4 are not what the seal"):
        verify(sealed)
    put(tampered("changed", entries, 2))
    with pytest.raises(CommandError, match="broken at entry 3: its content was changed"):
        run("verify_record")


def test_without_a_seal_it_says_what_it_cannot_show(sealed: Path) -> None:
    assert "No seal was given" in run("verify_record")
    sql("DELETE FROM dashboard_auditentry")
    with pytest.raises(CommandError, match="entries 1 to 4 are missing"):
        run("verify_record")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seal_record"], "Set EVENTDESK_SEAL_KEY"),
        (["verify_record", "--seals", "/nowhere"], "Give the public key"),
        (["verify_record", "--seals", "/nowhere", "--public-key", "/nowhere"], "no file of seals"),
        (["make_seal_key", "/nowhere/key", "--record", "x"], "was not written"),
        (["make_seal_key", "/nowhere/key", "--record", "a b"], "no space"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments)


def printed_checks() -> list[str]:
    """What the page about the record prints to check it without a desk: by the script, and by OpenSSL."""
    page = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
    section = page.partition("## Check it without a desk")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def at_a_shell(lines: str, folder: Path) -> tuple[int, str]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = subprocess.run(["sh", "-ec", lines], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_what_is_printed_to_check_a_record_without_a_desk_works(sealed: Path) -> None:
    an_act()
    verify(sealed, "--export", f"{sealed}/record.ndjson")
    shutil.copy(ROOT / "scripts/check_record.py", sealed)
    with_script, with_openssl = printed_checks()
    status, said = at_a_shell(with_script, sealed)
    assert (status, said[:44]) == (0, "WHOLE: entries 1 to 7 hold, those to 4 by a "), said
    seals = sealed / "record.seals"
    first = seals.read_text()
    with override_settings(EVENTDESK_SEAL_KEY=str(sealed / "seal.key"), EVENTDESK_SEALS=str(seals)):
        assert "Sealed 7 entries" in run("seal_record")
    status, said = at_a_shell(with_openssl, sealed)
    assert (status, said) == (0, "Signature Verified Successfully\n")
    assert (sealed / "text").read_text().splitlines()[1] == "7", "the last seal is checked"
    seals.write_text(first.replace("\n4\n", "\n3\n"))
    assert at_a_shell(with_openssl, sealed)[0] != 0
    status, said = at_a_shell(with_script, sealed)
    assert (status, "BROKEN: no seal was made with this key" in said) == (1, True), said
