"""Seals: their standard form, the keys, the file, and the one who makes them."""

import base64
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.auditing import sealing
from dashboard.auditing.sealing import RecordChanged, Sealer, seal_every, seal_state
from dashboard.auditing.seals.file import SealsProblem, appending, kept_in
from dashboard.auditing.seals.keys import KeyProblem, make_key, private_key, public_key, public_path
from dashboard.auditing.seals.marks import BadSeal, Seal, seal_in, seal_text
from dashboard.auditing.seals.merkle import Tree
from tests.unit.auditing.helpers import an_act, sql
from tests.unit.auditing.sealed import NAME, NOW, everything, key_in, seal_of

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
"""The example of Go's package ``golang.org/x/mod/sumdb/note``."""
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The roots over the first one to eight leaves, as implementations of RFC 6962 have them in their tests."""


def test_roots_are_those_of_rfc_6962() -> None:
    tree = Tree()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.add(bytes.fromhex(leaf))
        assert tree.root().hex() == root


def test_a_public_key_and_a_signature_of_another_implementation_are_understood(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(f"{GO_KEY}\n")
    key = public_key(tmp_path / "key.pub")
    signature = base64.b64decode(GO_SIGNATURE)
    assert (key.name, str(key), key.id(1)) == ("PeterNeumann", GO_KEY, signature[:4])
    assert key.signed(GO_TEXT.encode(), signature[4:])
    assert not key.signed(GO_TEXT.encode() + b" ", signature[4:])


def test_a_seal_is_a_checkpoint_of_a_transparency_log(tmp_path: Path) -> None:
    key, seal = key_in(tmp_path), Seal(size=12, root=bytes(range(32)), time=NOW)
    text = seal_text(seal, key)
    body, _, signatures = text.partition("\n\n")
    assert body.split("\n") == [NAME, "12", base64.b64encode(seal.root).decode()]
    assert [line.split(" ")[:2] for line in signatures.splitlines()] == [["—", NAME], ["—", NAME]]
    assert seal_in(text, key.public) == seal


def test_a_seal_that_was_changed_proves_nothing(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    text = seal_text(Seal(size=12, root=bytes(32), time=NOW), key)
    note, timed = text.splitlines()[-2:]
    other = seal_text(Seal(size=12, root=bytes(32), time=NOW + timedelta(hours=1)), key).splitlines()[-1]
    head, _, tail = other.rpartition(" ")
    mixed = base64.b64encode(base64.b64decode(tail)[:12] + base64.b64decode(timed.split(" ")[2])[12:]).decode()
    for bad in (
        text.replace("\n12\n", "\n13\n"),
        text.replace(note + "\n", ""),
        text.replace(timed + "\n", ""),
        text.replace(timed, f"{head} {mixed}"),
        text.replace(NAME, "elsewhere.example.org"),
        text[: len(text) // 2],
        "",
    ):
        with pytest.raises(BadSeal):
            seal_in(bad, key.public)


def test_a_witness_may_sign_as_well(tmp_path: Path) -> None:
    key, seal = key_in(tmp_path), Seal(size=1, root=bytes(32), time=NOW)
    cosigned = seal_text(seal, key) + "— witness.example.org/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9\n"
    assert seal_in(cosigned, key.public) == seal


def test_a_private_key_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    public = make_key(NAME, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert private_key(path).public == public_key(public_path(path)) == public
    assert "key=" not in repr(private_key(path)), "no part of it gets into a log"
    with pytest.raises(FileExistsError):
        make_key(NAME, path)
    path.chmod(0o640)
    with pytest.raises(KeyProblem, match="chmod 600"):
        private_key(path)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "x" * 201])
def test_a_name_that_no_seal_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="no space"):
        make_key(name, tmp_path / "seal.key")


def test_seals_follow_each_other_in_one_file_and_one_that_was_cut_off_stops_none(tmp_path: Path) -> None:
    key, path = key_in(tmp_path), tmp_path / "record.seals"
    made = [Seal(size=size, root=bytes(32), time=NOW) for size in range(6)]
    with appending(path) as file:
        for seal in made[:3]:
            file.add(seal_text(seal, key))
    for cut in (7, 70, 200):
        with path.open("a") as torn:
            torn.write(seal_text(made[3], key)[:cut])
        with appending(path) as file:
            file.add(seal_text(made[4], key))
    kept = kept_in(path, key.public)
    assert [seal.size for seal in kept.seals] == [0, 1, 2, 4, 4, 4]
    assert len(kept.bad) == 3
    assert [seal.size for seal in kept_in(path, key.public, newest=2).seals] == [4, 4]


def test_a_seal_of_which_the_disk_took_a_part_is_written_whole_or_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a nearly full disk does, which no test can have: a write takes 100 bytes at most, and then none."""
    key, path, really = key_in(tmp_path), tmp_path / "record.seals", os.write
    with appending(path) as file:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", lambda descriptor, data: really(descriptor, data[:100]))
            file.add(seal_text(Seal(size=1, root=bytes(32), time=NOW), key))
        assert [seal.size for seal in kept_in(path, key.public).seals] == [1]
        path.unlink()
        with pytest.raises(SealsProblem, match="cannot be written: No such file"):
            file.add(seal_text(Seal(size=2, root=bytes(32), time=NOW), key))


def test_two_do_not_write_one_file(tmp_path: Path) -> None:
    with appending(tmp_path / "s"), pytest.raises(SealsProblem, match="Another process"), appending(tmp_path / "s"):
        raise AssertionError("must not be reached")


@pytest.mark.django_db
def test_the_sealer_seals_what_is_there_and_goes_on_where_it_was(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    with appending(tmp_path / "s") as file:
        sealer = Sealer(key, file)
        assert sealer.seal().size == 0
        an_act()
        assert sealer.seal().size == 2
        an_act()
        assert (sealer.seal().size, sealer.seal().root) == (4, seal_of(everything()).root)
    assert [seal.size for seal in kept_in(tmp_path / "s", key.public).seals] == [0, 2, 4, 4]
    an_act()
    with appending(tmp_path / "s") as file:
        assert Sealer(key, file).seal().size == 6, "another process goes on"


CHANGES = {
    "an entry": "UPDATE dashboard_auditentry SET actor = 'eve' WHERE number = 1",
    "the tail": "DELETE FROM dashboard_auditentry WHERE number > 2",
}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_record_that_was_changed_is_not_sealed_again(statement: str, tmp_path: Path) -> None:
    key = key_in(tmp_path)
    for _ in range(2):
        an_act()
    with appending(tmp_path / "s") as file:
        Sealer(key, file).seal()
        sql(statement)
        with pytest.raises(RecordChanged):
            Sealer(key, file).seal()
    assert len(kept_in(tmp_path / "s", key.public).seals) == 1


@pytest.mark.usefixtures("desk_databases")
def test_what_prevents_a_seal_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, left = threading.Event(), iter([RecordChanged("no"), None])

    class Failing(Sealer):
        def seal(self) -> Seal:
            if error := next(left):
                raise error
            stop.set()
            return super().seal()

    key = key_in(tmp_path)
    with appending(tmp_path / "s") as file:
        seal_every(0.001, Failing(key, file), stop)
    assert len(kept_in(tmp_path / "s", key.public).seals) == 1


@pytest.mark.django_db
def test_the_page_knows_whether_seals_are_there_and_in_time(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    assert not seal_state().configured
    key = key_in(tmp_path)
    settings.EVENTDESK_SEAL_KEY, settings.EVENTDESK_SEALS = str(tmp_path / "seal.key"), str(tmp_path / "s")  # type: ignore[attr-defined]
    state = seal_state()
    assert (state.configured, state.last, state.late) == (True, None, True)
    for ago, late in ((sealing.LATE_AFTER * 300 + 60, True), (60, False)):
        with appending(tmp_path / "s") as file:
            file.add(seal_text(Seal(size=1, root=bytes(32), time=datetime.now(UTC) - timedelta(seconds=ago)), key))
        assert seal_state().late is late
    public_path(tmp_path / "seal.key").unlink()
    assert "cannot be read" in seal_state().problem
