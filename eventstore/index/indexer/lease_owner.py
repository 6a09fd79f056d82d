"""What an indexer calls itself in a lease, and whether the one of that name is known to be dead."""

from uuid import uuid4

from eventstore.model.process_identity import Fate, Process, fate, this_process

PARTS = 6


def new_owner() -> str:
    """A name that no other indexer has. It says where its process runs, so that its death is noticed at once there."""
    me = this_process()
    return " ".join([me.host, me.boot, me.namespace, str(me.pid), me.ticks, uuid4().hex[:12]])


def words_for(owner: str) -> str:
    """Which process the owner is, in words."""
    parts = owner.rsplit(" ", PARTS - 1)
    return f"process {parts[3]} on {parts[0]}" if len(parts) == PARTS else owner


def is_dead(owner: str) -> bool:
    """Whether the owner's process is known to be gone: only that of a process on this machine ever is."""
    parts = owner.rsplit(" ", PARTS - 1)
    if len(parts) != PARTS or not (parts[3].isascii() and parts[3].isdigit()):
        return False
    host, boot, namespace, pid, ticks, _ = parts
    start = f"{ticks}@{boot}" if ticks else ""
    return fate(Process(host=host, pid=int(pid), start=start, namespace=namespace)) is Fate.ENDED
