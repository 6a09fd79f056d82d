"""With a seal from before, everything that somebody might do to the record shows: in the database, and in its export alone."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.auditing.entries import Row, line_of
from dashboard.auditing.seals.keys import public_path
from dashboard.auditing.seals.marks import seal_text
from dashboard.auditing.verification import verify
from scripts import check_record
from tests.unit.auditing.helpers import an_act
from tests.unit.auditing.sealed import TAMPERINGS, broken, chained, everything, key_in, put, seal_of, tampered
from tests.unit.auditing.test_old_entries import FIRST

ROOT = Path(__file__).resolve().parents[3]
PLACES = {"first": 0, "middle": 4, "last": 9}


@pytest.mark.django_db
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_tampering_is_found_at_the_first_broken_entry(name: str, place: int, tmp_path: Path) -> None:
    for number in range(5):
        an_act(number)
    entries = everything()
    seals = [seal_of(entries[:3]), seal_of(entries)]
    assert verify(seals) is None
    changed = tampered(name, entries, place)
    put(changed)
    found = verify(seals)
    assert found is not None
    assert found.number == first_broken(name, place, len(changed))
    assert (verify() is None) is (TAMPERINGS[name].anew or (name, place) == ("removed", 9)), "without a seal"
    with pytest.raises(check_record.Broken):
        check_record.check(iter([line_of(row).decode() for row in changed]), _as_script(seals))


def first_broken(name: str, place: int, left: int) -> int:
    """Where a break is noticed, with seals of three and of all ten entries. An old chain breaks where it was changed; one that
    was computed anew contradicts the first seal from there on, or is shorter than a seal says."""
    if not TAMPERINGS[name].anew:
        return 9 if (name, place) == ("reordered", 9) else place + 1
    return 1 if place < 3 else 4 if left >= 10 else left + 1


def _as_script(seals: list) -> list[check_record.Seal]:  # type: ignore[type-arg]
    return [check_record.Seal(seal.size, seal.root, seal.time) for seal in seals]


@cache
def sixty_four() -> list[Row]:
    """A whole chain of 64 entries, in memory alone."""
    texts = dict.fromkeys(Row._fields, "")
    row = Row._make(
        {**texts, **FIRST, "hash_version": 3, "begins": True, "scope": "", "details": "{}"}[name] for name in Row._fields
    )
    return chained([row._replace(actor=f"person-{place}") for place in range(64)])


@given(
    name=st.sampled_from(sorted(TAMPERINGS)),
    place=st.integers(0, 63),
    sizes=st.lists(st.integers(0, 64), max_size=4),
)
def test_it_is_found_wherever_it_is_and_however_many_seals_there_were(name: str, place: int, sizes: list[int]) -> None:
    entries = sixty_four()
    seals = [seal_of(entries[:size]) for size in (*sizes, 64)]
    assert broken(entries, seals) is None
    found = broken(tampered(name, entries, place), seals)
    assert found is not None
    shorter = TAMPERINGS[name].anew and "is missing: a seal counts 64 entries" in found.reason
    assert found.number <= place + 1 or (shorter and found.number == 64)


@given(st.integers(0, 64))
def test_what_was_written_after_the_last_seal_is_no_break(size: int) -> None:
    assert broken(sixty_four(), [seal_of(sixty_four()[:size])]) is None


@pytest.mark.django_db
def test_the_export_and_the_public_key_are_enough(tmp_path: Path) -> None:
    for number in range(5):
        an_act(number)
    key = key_in(tmp_path)
    entries = everything()
    (tmp_path / "record.seals").write_text(f"{seal_text(seal_of(entries[:6]), key)}\n{seal_text(seal_of(entries), key)}\n")
    (tmp_path / "record.ndjson").write_bytes(b"".join(map(line_of, entries)))
    assert "WHOLE: entries 1 to 10 hold, those to 10 by a seal" in _checked(tmp_path, 0)
    (tmp_path / "record.ndjson").write_bytes(b"".join(map(line_of, tampered("changed, chain anew", entries, 7))))
    assert "BROKEN: entries 7 to 10 are not what the seal" in _checked(tmp_path, 1)
    (tmp_path / "record.ndjson").write_bytes(b"".join(map(line_of, entries[:8])))
    assert "BROKEN: entries 9 to 10 are missing" in _checked(tmp_path, 1)


def _checked(folder: Path, code: int) -> str:
    """What the script says, copied to where there is nothing of this project."""
    script = folder / "check_record.py"
    script.write_bytes((ROOT / "scripts" / "check_record.py").read_bytes())
    given = ["--seals", "record.seals", "--public-key", public_path(folder / "seal.key").name, "record.ndjson"]
    done = subprocess.run([sys.executable, str(script), *given], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.text(max_size=40))
def test_script_and_desk_make_the_same_hash_whatever_an_entry_holds(actor: str, reason: str) -> None:
    """``reason`` may hold anything: what no database takes is escaped before."""
    row = sixty_four()[3]._replace(actor=actor, reason=reason.encode("utf-8", "replace").decode())
    (made,) = chained([row])
    entry = json.loads(line_of(made))
    assert check_record.hash_of(entry) == made.hash
