"""What is asked of the table of subscriptions: an order, a text, a topic, a type and a state, all in its address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from urllib.parse import urlencode

from dashboard.subscriptions.backlog_cache import Line, severity_key
from dashboard.subscriptions.marks import MARKS

Key = Callable[[Line], float | str | None]


def _age(line: Line) -> float | None:
    since = line.backlog.oldest
    return (line.backlog.as_of - since).total_seconds() if since else None


def _drain(line: Line) -> float | None:
    """Seconds until nothing waits; without end where it does not fall."""
    if not line.backlog.waiting:
        return 0.0
    pace = line.pace
    if line.stuck:
        return inf
    if pace.drains_in is not None:
        return pace.drains_in.total_seconds()
    return None if pace.falls is None else inf


_SORTS: Mapping[str, tuple[Key, bool]] = {
    "name": (lambda line: line.subscription.name.lower(), False),
    "topic": (lambda line: line.topic.name, False),
    "type": (lambda line: line.subscription.type.value, False),
    "consumers": (lambda line: len(line.subscription.consumers), True),
    "waiting": (lambda line: line.backlog.waiting, True),
    "oldest": (_age, True),
    "unacked": (lambda line: line.subscription.unacked, True),
    "in": (lambda line: line.pace.published, True),
    "out": (lambda line: line.pace.handled, True),
    "drain": (_drain, True),
    "state": (lambda line: MARKS[line.backlog.state][2], False),
}
"""By the word in the address: what is compared, and whether the largest comes first at the first click."""
WORST = "worst"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the address says. ``sort``: a word of ``_SORTS``, or ``worst``. ``backwards``: the other way than at first."""

    topic: str = ""
    text: str = ""
    state: str = ""
    type: str = ""
    sort: str = WORST
    backwards: bool = False

    @property
    def filtered(self) -> bool:
        return bool(self.topic or self.text or self.state or self.type)

    @property
    def query(self) -> str:
        """The address's part behind the path: "?topic=documents", or nothing."""
        sort = "" if self.sort == WORST else ("-" if self.backwards else "") + self.sort
        named = {"topic": self.topic, "q": self.text, "state": self.state, "type": self.type, "sort": sort}
        given = {name: value for name, value in named.items() if value}
        return f"?{urlencode(given)}" if given else ""

    def sorted_by(self, sort: str) -> "Asked":
        """As this, in the order that a click on a column's head leads to: a second click turns it round, a third ends it."""
        if self.sort != sort:
            return replace(self, sort=sort, backwards=False)
        return replace(self, sort=WORST, backwards=False) if self.backwards else replace(self, backwards=True)

    def direction(self, sort: str) -> str:
        """The column's ``aria-sort``: in which direction it is sorted; empty if it is not."""
        if self.sort != sort:
            return ""
        return "descending" if _SORTS[sort][1] != self.backwards else "ascending"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The head of a column. ``sort`` is empty for one that gives no order."""

    words: str
    sort: str
    css: str
    direction: str
    query: str


_COLUMNS = (
    ("Subscription", "name", ""),
    ("Topic", "topic", ""),
    ("Type", "type", "wide-only roomy-only"),
    ("Consumers", "consumers", "num wide-only"),
    ("Waiting", "waiting", "num"),
    ("Last hour", "", "wide-only roomy-only"),
    ("Oldest", "oldest", "num"),
    ("Unacked", "unacked", "num wide-only roomy-only"),
    ("In / s", "in", "num wide-only roomy-only"),
    ("Out / s", "out", "num wide-only roomy-only"),
    ("To drain", "drain", "num"),
    ("State", "state", ""),
)


def columns(asked: Asked, *, lists_consumers: bool) -> Sequence[Column]:
    """The heads of the table, each with the address that a click on it leads to."""
    return [
        Column(
            words=words,
            sort=sort,
            css=css,
            direction=asked.direction(sort) if sort else "",
            query=(asked.sorted_by(sort).query or "?") if sort else "",
        )
        for words, sort, css in _COLUMNS
        if lists_consumers or sort not in ("consumers", "unacked")
    ]


def asked_for(given: Mapping[str, str]) -> Asked:
    """Read the address. A word that is not known counts for nothing."""
    sort = given.get("sort", "")
    word = sort.removeprefix("-")
    known = word in _SORTS
    return Asked(
        topic=given.get("topic", ""),
        text=given.get("q", "").strip(),
        state=given.get("state", ""),
        type=given.get("type", ""),
        sort=word if known else WORST,
        backwards=known and sort.startswith("-"),
    )


def chosen(lines: Sequence[Line], asked: Asked) -> list[Line]:
    """The lines that are asked for, in the order asked for. Those that have no figure to compare come last."""
    text = asked.text.lower()
    found = [
        line
        for line in lines
        if (not text or text in line.subscription.name.lower() or text in line.topic.name.lower())
        and (not asked.state or line.backlog.state.value == asked.state)
        and (not asked.type or line.subscription.type.value == asked.type)
    ]
    found.sort(key=lambda line: (line.of_the_store, severity_key(line)))
    if asked.sort == WORST:
        return found
    key, largest_first = _SORTS[asked.sort]
    known = [(key(line), line) for line in found]
    ordered = sorted(
        ((value, line) for value, line in known if value is not None),
        key=lambda pair: pair[0],
        reverse=largest_first != asked.backwards,
    )
    return [line for _, line in ordered] + [line for value, line in known if value is None]
