"""Checks an export of Eventdesk's audit record, with no desk and no database.

    python check_record.py --seals record.seals --public-key seal.key.pub record.ndjson

It needs Python 3.11 and the package ``cryptography``, and nothing of Eventdesk. It checks the hash of each entry, that each
continues the one before, and that each signed seal counts just these entries. The last line says what holds; the exit status
is 1 where something does not.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ORDER = (
    "hash_version", "act", "state", "begins", "actor", "via", "action", "kind", "topic", "subscription", "aggregate_type",
    "aggregate_id", "name", "reason", "ticket", "details", "written", "host", "pid", "process_start", "pid_namespace",
)  # fmt: skip
"""What the hash of an entry covers, in this order, as a JSON array."""
FIRST = (
    "number", "act", "state", "actor", "via", "action", "scope", "details", "written", "host", "pid", "process_start",
    "previous",
)  # fmt: skip
SECOND = (*FIRST, "hash_version", "pid_namespace", "kind", "topic", "subscription", "aggregate_type", "aggregate_id", "name")
"""What the hashes of older versions cover, as a JSON object with sorted names."""
NOTE, TIMED = 1, 4
RESOURCE = ("kind", "topic", "subscription", "aggregate_type", "aggregate_id", "name")
KINDS = {"manage_people": "account", "make_token": "api_token", "revoke_token": "api_token"}


class Broken(Exception):
    """The record does not hold. The text says where, and why."""


@dataclass(frozen=True)
class Seal:
    """``size`` entries had this Merkle root at this time."""

    size: int
    root: bytes
    time: datetime


def hash_of(entry: dict[str, Any]) -> str:
    if entry["hash_version"] > 2:
        content = json.dumps([entry[name] for name in ORDER], separators=(",", ":"))
        text = f"{entry['previous']}\n{entry['number']}\n{content}"
    else:
        names = FIRST if entry["hash_version"] == 1 else SECOND
        text = json.dumps({name: entry[name] for name in names}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def fields_of_old(entry: dict[str, Any]) -> dict[str, Any]:
    """What an older version's hash does not cover, made of what it covers."""
    begins = entry["state"] == "intended"
    said = json.loads(entry["details"]) if begins else {}
    fields: dict[str, Any] = {"begins": begins}
    fields |= {name: as_kept(said[name]) if said.get(name) else "" for name in ("reason", "ticket")}
    if entry["hash_version"] == 2:
        return fields
    fields |= dict.fromkeys((*RESOURCE, "pid_namespace"), "")
    action, scope = entry["action"], entry["scope"]
    if not begins:
        return fields
    if action == "reset_cursor" and said.get("topic") and said.get("subscription"):
        parts = {name: as_kept(said[name]) for name in ("topic", "subscription")}
        return fields | {"kind": "subscription", **parts}
    if action == "publish":
        return fields | ({"kind": "store", "name": scope} if said.get("demo") else {"kind": "topic", "topic": scope})
    return fields | {"kind": KINDS.get(action, ""), "name": scope}


def as_kept(value: Any) -> str:
    text = "".join(rf"\u{ord(c):04x}" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in str(value))
    return text if len(text) <= 500 else text[:499] + "…"


def is_its_own(entry: dict[str, Any]) -> bool:
    """Whether every field is covered by the hash, or follows from what is covered."""
    if entry["hash_version"] > 2:
        return not entry["scope"]
    return all(entry[name] == value for name, value in fields_of_old(entry).items())


class Tree:
    """The Merkle tree of RFC 6962 over the entries' hashes."""

    def __init__(self) -> None:
        self.size, self.whole = 0, list[bytes]()

    def add(self, leaf: bytes) -> None:
        node, rest = hashlib.sha256(b"\0" + leaf).digest(), self.size
        while rest & 1:
            node, rest = hashlib.sha256(b"\1" + self.whole.pop() + node).digest(), rest >> 1
        self.whole.append(node)
        self.size += 1

    def root(self) -> bytes:
        node = self.whole[-1] if self.whole else hashlib.sha256().digest()
        for left in reversed(self.whole[:-1]):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node


def public_key(path: Path) -> tuple[str, bytes]:
    """The record's name and the key's 32 bytes."""
    name, id, key = path.read_text(encoding="utf-8").strip().split("+", 2)
    raw = base64.b64decode(key)
    if len(raw) != 33 or raw[0] != NOTE or key_id(name, NOTE, raw[1:]).hex() != id:
        raise Broken(f"{path} is no public key of seals.")
    return name, raw[1:]


def key_id(name: str, type: int, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([type]) + raw).digest()[:4]


def seals_in(path: Path, name: str, raw: bytes) -> Iterator[Seal]:
    """The seals of this file whose signatures hold; others are named on the way."""
    for place, block in enumerate(re.split(r"\n\n(?!— )", path.read_text(encoding="utf-8")), 1):
        if block.strip():
            try:
                yield seal_in(block.strip("\n"), name, raw)
            except (Broken, InvalidSignature, ValueError, IndexError, struct.error) as error:
                print(f"Not counted: seal {place} of {path} ({error or 'its signature does not hold'})", file=sys.stderr)


def seal_in(block: str, name: str, raw: bytes) -> Seal:
    text, _, lines = block.partition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()
    signatures = {}
    for line in lines.splitlines():
        _, signer, encoded = line.split(" ")
        if signer == name:
            signature = base64.b64decode(encoded, validate=True)
            signatures[signature[:4]] = signature[4:]
    note, timed = signatures.get(key_id(name, NOTE, raw)), signatures.get(key_id(name, TIMED, raw))
    if origin != name or note is None or timed is None:
        raise Broken("it is no seal of this record")
    (seconds,) = struct.unpack(">Q", timed[:8])
    key = Ed25519PublicKey.from_public_bytes(raw)
    key.verify(note, text.encode())
    key.verify(timed[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
    return Seal(int(size), base64.b64decode(root), datetime.fromtimestamp(seconds, UTC))


def check(lines: Iterator[str], seals: list[Seal]) -> int:
    """How many entries hold. ``Broken`` at the first that does not."""
    previous, tree = "0" * 64, Tree()
    waiting = sorted(seals, key=lambda seal: seal.size, reverse=True)
    held = 0
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        if entry["number"] != number:
            raise Broken(f"entry {number} is missing: the next is {entry['number']}")
        if entry["previous"] != previous:
            raise Broken(f"entry {number} does not continue the one before it: moved or replaced")
        if entry["hash"] != hash_of(entry) or not is_its_own(entry):
            raise Broken(f"entry {number} was changed after it was written")
        previous = entry["hash"]
        tree.add(bytes.fromhex(previous))
        while waiting and waiting[-1].size <= number:
            seal = waiting.pop()
            if seal.size == number and seal.root != tree.root():
                raise Broken(f"entries {held + 1} to {number} are not what the seal of {seal.time} counted")
            held = seal.size
    if waiting and waiting[0].size > tree.size:
        raise Broken(f"entries {tree.size + 1} to {waiting[0].size} are missing: the newest were cut off")
    return tree.size


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an export of Eventdesk's audit record by its seals.")
    parser.add_argument("export", type=Path, help="the record's entries, one JSON object a line")
    parser.add_argument("--seals", type=Path, required=True, help="the file of seals")
    parser.add_argument("--public-key", type=Path, required=True, help="the public key's file")
    given = parser.parse_args()
    try:
        seals = list(seals_in(given.seals, *public_key(given.public_key)))
        if not seals:
            raise Broken("no seal was made with this key")
        with given.export.open(encoding="utf-8") as lines:
            entries = check(lines, seals)
    except (Broken, OSError, ValueError, KeyError) as error:
        print(f"BROKEN: {error}")
        return 1
    last = max(seals, key=lambda seal: seal.size)
    print(f"WHOLE: entries 1 to {entries} hold, those to {last.size} by a seal of {max(seal.time for seal in seals)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
