"""What the answers of pages may lack now, and why: the one source of every such sentence.

A page that lists or counts something shows these notices above it (``{% notices %}`` in ``base.html``). Its own texts ask
``standing`` before they call anything complete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from dashboard.gateway import sight
from dashboard.rendering.text import format_duration, format_number
from dashboard.setup.config_file import is_embedded
from dashboard.setup.database_state import DatabaseState, state_of
from dashboard.web.store_health import IndexHealth, StoreHealth, current_index_health, current_store_health
from eventstore.config import OF_THE_STORE, migrate_command, shell_command

INDEX_MAY_LAG = 60.0
"""Seconds that the index may be behind without being called so."""
RUN_INDEX = shell_command("run_index")
IMPORT = shell_command("import_events", "events.ndjson", "--topic", "my-topic")
NOT_ALL_LISTED = "The store does not let all of its topics be listed. Tell an admin of this installation."
"""For people with a scope. The store's own sentence names a namespace, which may lie outside of it."""
LISTS_ARE_COMPLETE = (
    "Lists of a topic's events come from the store and are complete. "
    "Aggregates, searches and counts may lack the newest events."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is missing. ``name`` is one of store-away, index-unread, index-behind, no-indexer, no-topics, no-scope, index-away.

    ``foot``: the same in a few words. ``commands``: what to run, one a line. ``as_of``: when the store was asked, if it does
    not answer.
    """

    name: str
    tone: str
    title: str
    text: str
    foot: str
    commands: Sequence[str] = ()
    as_of: datetime | None = None

    @property
    def of_index(self) -> bool:
        return self.name in ("index-unread", "index-behind", "no-indexer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The store, the index (``None``: its database does not answer) and what answers may lack because of them."""

    of_store: StoreHealth | None
    index: IndexHealth | None
    notices: Sequence[Notice] = ()

    @property
    def store_away(self) -> bool:
        return self.of_store is not None and self.of_store.reachable is False

    @property
    def no_topics(self) -> bool:
        """The store answers and has no topic."""
        return any(notice.name == "no-topics" for notice in self.notices)

    @property
    def incomplete(self) -> bool:
        """Whether what the index finds may be less than there is."""
        return any(notice.name not in ("no-topics", "no-scope") for notice in self.notices)

    @property
    def index_notice(self) -> Notice | None:
        """What the index lacks, if anything."""
        return next((notice for notice in self.notices if notice.of_index), None)

    @property
    def index_words(self) -> str:
        """The state of the index, for the foot of every page."""
        if self.notices:
            return self.notices[0].foot
        waits = self.index is not None and self.index.waiting != 0
        return f"index {_behind_words(self.index)}" if self.index and waits else "index up to date"


def standing() -> Standing:
    """How things stand now. Asks the index a few small questions, and the store only if its last answer is old."""
    try:
        index = current_index_health()
    except DatabaseError:
        return Standing(of_store=None, index=None, notices=(_index_away(),))
    store = current_store_health()
    return Standing(of_store=store, index=index, notices=tuple(_notices(store, index)))


def _index_away() -> Notice:
    state = state_of("index")
    lacking = state is DatabaseState.NO_TABLES
    return Notice(
        name="index-away",
        tone="bad",
        title=f"The index's database {state if lacking else DatabaseState.NO_ANSWER}.",
        text="Aggregates, searches and counts are not known now.",
        foot="index does not answer",
        commands=(migrate_command("index"), RUN_INDEX) if lacking else (),
    )


def _notices(store: StoreHealth, index: IndexHealth) -> list[Notice]:
    if store.reachable is False:
        return [_store_away(store, index)]
    if store.refused:
        return [_not_permitted(store)]
    if not index.topics and sight() is not None:
        return [_nothing_in_scope()]
    if not index.topics:
        return [_no_topics(store, index)] if store.topics == 0 else [_unread(index)]
    if index.behind is None or index.behind > INDEX_MAY_LAG:
        return [_behind(index) if index.indexers else _nobody_indexes(index)]
    return []


def _store_away(store: StoreHealth, index: IndexHealth) -> Notice:
    known = "What you see is what the index knew"
    return Notice(
        name="store-away",
        tone="warn",
        title=f"{store.heading}.",
        text=known if index.topics else "Nothing is known, since the index has not read any topic yet",
        foot="index: never caught up yet" if index.behind is None else f"index: as of {format_duration(index.behind)} ago",
        as_of=store.as_of,
    )


def _not_permitted(store: StoreHealth) -> Notice:
    return Notice(
        name="not-permitted",
        tone="warn",
        title="The event store does not permit everything.",
        text=f"{store.refused if sight() is None else NOT_ALL_LISTED} Until then, new topics are not seen.",
        foot="store: permission missing",
    )


def _no_topics(store: StoreHealth, index: IndexHealth) -> Notice:
    broker = not is_embedded(settings.EVENTSTORE_URL)
    where = f" in {settings.EVENTSTORE_NAMESPACES}" if broker else ""
    seed = [seed_command()] if broker and settings.DEMO else []
    return Notice(
        name="no-topics",
        tone="info",
        title=f"Connected to {store.words}, no topics{where} yet.",
        text="A topic appears here within seconds of its first event. To bring in "
        + ("the demo\u2019s invented events, or " if seed else "")
        + "events from a file:",
        foot="index: nothing to read yet",
        commands=(*seed, IMPORT) if index.indexers else (*seed, IMPORT, RUN_INDEX),
    )


def _nothing_in_scope() -> Notice:
    return Notice(
        name="no-scope",
        tone="info",
        title="Nothing lies within your scope.",
        text="The index knows no topic that your role and groups may see. An admin of this installation sets what they see.",
        foot="index: nothing in your scope",
    )


def _unread(index: IndexHealth) -> Notice:
    if index.indexers:
        return Notice(
            name="index-unread",
            tone="info",
            title="The index has not read any topic yet.",
            text=f"An indexer runs and has just begun. {LISTS_ARE_COMPLETE}",
            foot="index: no topic read yet",
        )
    return Notice(
        name="no-indexer",
        tone="warn",
        title="The index has not read any topic yet, and no indexer runs.",
        text="Aggregates, searches and counts are empty until an indexer has read the topics. Start it:",
        foot="no indexer runs",
        commands=(RUN_INDEX,),
    )


def _nobody_indexes(index: IndexHealth) -> Notice:
    known = "The index has not caught up" if index.behind is None else f"The index is {_behind_words(index)}"
    return Notice(
        name="no-indexer",
        tone="warn",
        title=f"{known}, and no indexer runs.",
        text=f"{LISTS_ARE_COMPLETE} Start it again; it resumes where it stopped:",
        foot="no indexer runs",
        commands=(RUN_INDEX,),
    )


def _behind(index: IndexHealth) -> Notice:
    late = "is still catching up for the first time" if index.behind is None else f"is {_behind_words(index)}"
    waits = f" {format_number(index.waiting)} event{' waits' if index.waiting == 1 else 's wait'}." if index.waiting else ""
    return Notice(
        name="index-behind",
        tone="warn",
        title=f"The index {late}.{waits}",
        text=LISTS_ARE_COMPLETE,
        foot="index catching up" if index.behind is None else f"index {_behind_words(index)}",
    )


def _behind_words(index: IndexHealth) -> str:
    return f"{format_duration(index.behind or 0)} behind"


def notices_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """What ``components/_notices.html`` needs, from the context of a page that may show it.

    ``away`` in it is why the store did not answer this page; ``known_at`` the time of what is shown instead; ``tries_again``
    that the page refreshes itself; ``says_index`` that it says by itself what the index lacks.
    """
    away, may = context.get("away"), context.get("may") or {}
    if not context.get("known_person") or not may.get("browse"):
        return {"notices": ()}
    now: Standing = context["standing"]
    shown = list(now.notices)
    if away and not now.store_away and now.of_store and now.index:
        shown = [_store_away(now.of_store, now.index)]  # it answers again: this page does not know that
    if context.get("says_index"):
        shown = [notice for notice in shown if not notice.of_index]
    if getattr(context.get("problem"), "again", False):
        shown = []  # the page says nothing but this
    return {
        "notices": shown,
        "reason": away or (now.of_store.words if now.of_store else ""),
        "known_at": context.get("known_at") or (now.index.known_at if now.index else None),
        "tries_again": bool(away) or bool(context.get("tries_again")),
    }


def seed_command() -> str:
    """The command that writes the demo's history into the broker that is configured."""
    return shell_command("seed_demo", "--yes-into-this-store", environment=OF_THE_STORE)
