"""Rules as they apply to the events of one topic and type: compiled once, then followed along each payload field by field."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from django.conf import settings

from dashboard.privacy.rules_of_topics import rule_in
from dashboard.privacy.treatments import treatment_of
from eventstore.config import DATA, Config, MaskingRule, Parts, Show, ValuePath, Wild, value_path

LONGEST_CACHED = 300
"""Characters of a topic and a type whose plan is kept."""
MOST_PLANS = 4096
MOST_NAMES = 1024
"""Names of attributes and properties of one plan whose treatment is kept."""


class Candidate(NamedTuple):
    """A rule that may still fit: how many of its parts are behind. ``spelled``: the last of them was written out as a name."""

    number: int
    behind: int
    spelled: bool


class State:
    """A place in a payload. ``show`` is how a simple value here is shown, and each simple element of a list here unless a rule
    reaches into the list.

    - ``fitting``: what the first rule that fits a value here says; ``None`` if no rule does.
    - ``dead``: no rule fits anything here or below. ``closed``: a rule hides everything here and below.
    - ``open``: a rule shows something here or below. Where none does, not even the length of a list is told.
    - ``whole``: everything here and below is shown plain.
    - ``spelled``: a rule writes out the name of the field here, so that the name is no secret.
    - ``treat`` makes of a simple value here what ``show`` says.
    """

    __slots__ = (
        "_candidates",
        "_element",
        "_fields",
        "_inside",
        "_names",
        "_other",
        "_paths",
        "closed",
        "dead",
        "fitting",
        "open",
        "show",
        "spelled",
        "treat",
        "whole",
    )

    def __init__(self, paths: Sequence[tuple[Parts, Show]], candidates: tuple[Candidate, ...]) -> None:
        self._paths, self._candidates = paths, candidates
        self._names = frozenset(
            part for one in candidates if (part := _next(paths, one)) is not None and isinstance(part, str)
        )
        self._fields: dict[str, State] = {}
        self._other: State | None = None
        self._element: State | None = None
        self._inside: tuple[dict[str, State], State] | None = None
        fitting = next((one for one in candidates if _fits(paths, one)), None)
        self.fitting = paths[fitting.number][1] if fitting else None
        self.show = self.fitting or Show.HIDDEN
        self.treat = treatment_of(self.show)
        self.open = any(paths[one.number][1] is not Show.HIDDEN for one in candidates)
        self.spelled = any(one.spelled for one in candidates)
        first = candidates[0] if candidates else None
        decided = first is not None and first is fitting and _goes_on(paths, first)
        self.whole = decided and self.show is Show.PLAIN
        self.dead = first is None
        self.closed = decided and self.show is Show.HIDDEN

    def field(self, name: str) -> "State":
        """The state of the field of this name."""
        if name not in self._names:
            if self._other is None:
                self._other = self._after(None)
            return self._other
        if name not in self._fields:
            self._fields[name] = self._after(name)
        return self._fields[name]

    def inside(self) -> tuple[dict[str, "State"], "State"]:
        """The states of the fields here that rules spell, by their names, and the state of each other one."""
        if self._inside is None:
            self._inside = {name: self.field(name) for name in self._names}, self._after(None)
        return self._inside

    def element(self) -> "State":
        """The state of each element of the list here."""
        if self._element is None:
            self._element = self._after(Wild.ELEMENT)
        return self._element

    def at(self, parts: Parts) -> "State":
        """The state at this path from here. A path with a wildcard is of many fields: shown only if all of them are."""
        state = self
        for part in parts:
            if part is Wild.ELEMENT:
                state = state.element()
            elif isinstance(part, str):
                state = state.field(part)
            elif not state.whole:
                return DEAD
        return state

    def _after(self, step: str | Wild | None) -> "State":
        """The state one step on. ``None`` is a field that no rule spells."""
        found = []
        for one in self._candidates:
            moved = _moved(self._paths, one, step)
            if moved is not None:
                found.append(moved)
                if _goes_on(self._paths, moved):  # it decides whatever lies here and below: no later rule does
                    break
        return self if tuple(found) == self._candidates else State(self._paths, tuple(found))


DEAD = State((), ())


class Way(NamedTuple):
    """How the value at one path is shown. ``open``: something of it is. ``state`` is its place in a payload; a value from
    elsewhere has none, and ``show`` says it. ``many``: the path is of all elements of a list, so that its value is the list of
    what was found in them."""

    open: bool
    state: State | None = None
    show: Show = Show.HIDDEN
    many: bool = False


class Plan:
    """How the values of one topic and type are shown."""

    __slots__ = ("_names", "_rules", "_ways", "data", "heads", "shows_nothing")

    def __init__(self, rules: Sequence[MaskingRule]) -> None:
        self._rules = rules
        paths = tuple((rule.path.parts, rule.show) for rule in rules if rule.path.head == "data")
        self.data = _root(paths)
        self._names: dict[ValuePath, Show | None] = {}
        self._ways: dict[str, Way] = {}
        self.shows_nothing = all(rule.show is Show.HIDDEN for rule in rules)
        self.heads = frozenset(rule.path.head for rule in rules)

    def show(self, path: ValuePath) -> Show | None:
        """How a simple value at this path is shown; ``None`` if no rule fits it."""
        if path.head == "data":
            state = self.data.at(path.parts)
            return None if state.dead else state.show
        if path not in self._names:
            if len(self._names) >= MOST_NAMES:
                return self._named(path)
            self._names[path] = self._named(path)
        return self._names[path]

    def way(self, path: str) -> Way:
        """How the value at this path is shown, as pages and stories name it: ``data.person.name``, ``key``, an expression."""
        found = self._ways.get(path)
        if found is None:
            found = self._way(path)
            if len(self._ways) < MOST_NAMES and len(path) <= LONGEST_CACHED:
                self._ways[path] = found
        return found

    def _way(self, path: str) -> Way:
        named = value_path(path)
        if named is None:  # an expression, which may look at all of the payload
            whole = self.data.whole and path.startswith(DATA)
            return Way(whole, self.data if whole else None)
        if named.head == DATA:
            state = self.data.at(named.parts)
            return Way(state.open, state, many="[]" in path or "[*]" in path)
        show = self.show(named) or Show.HIDDEN
        return Way(show is not Show.HIDDEN, None, show)

    def shows_all(self, head: str) -> bool:
        """Whether every attribute or property is shown plain."""
        first = next((rule for rule in self._rules if rule.path.head == head), None)
        return first is not None and first.path.parts == ("*",) and first.show is Show.PLAIN

    def spells(self, path: ValuePath) -> bool:
        """Whether the first rule that fits this attribute or property writes out its name, or shows its value."""
        first = next((rule for rule in self._rules if _names_fit(rule.path, path)), None)
        return first is not None and (first.show is not Show.HIDDEN or first.path == path)

    def _named(self, path: ValuePath) -> Show | None:
        return next((rule.show for rule in self._rules if _names_fit(rule.path, path)), None)


def plan_for(topic: str, type: str) -> Plan:
    """The plan of the configuration's rules for events of this type in this topic."""
    config: Config = settings.EVENTDESK
    if not config.masking.rules:
        return _NONE
    if len(topic) + len(type) > LONGEST_CACHED:
        return Plan(rules_for(topic, type))
    return _plans.of(config, topic, type)


class _Plans:
    """The plans of the configuration in force. Another one, as only tests have it, begins anew."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._kept: dict[tuple[str, str], Plan] = {}

    def of(self, config: Config, topic: str, type: str) -> Plan:
        kept = self._kept
        if config is not self._config:
            self._kept, self._config = {}, config
            kept = self._kept
        found = kept.get((topic, type))
        if found is None:
            found = Plan(rules_for(topic, type))
            if len(kept) < MOST_PLANS:
                kept[topic, type] = found
        return found


def rules_for(topic: str, type: str) -> list[MaskingRule]:
    """The configuration's rules for events of this type in this topic, in order."""
    config: Config = settings.EVENTDESK
    found = [rule_in(rule, topic, config) for rule in config.masking.rules if fnmatchcase(type, rule.type)]
    return [rule for rule in found if rule is not None]


def _root(paths: Sequence[tuple[Parts, Show]]) -> State:
    found: list[Candidate] = []
    for number in range(len(paths)):
        one = Candidate(number, 0, False)
        found.append(one)
        if _goes_on(paths, one):
            break
    return State(paths, tuple(found))


def _next(paths: Sequence[tuple[Parts, Show]], one: Candidate) -> str | Wild | None:
    parts = paths[one.number][0]
    return parts[one.behind] if one.behind < len(parts) else None


def _fits(paths: Sequence[tuple[Parts, Show]], one: Candidate) -> bool:
    """Whether the rule says how the value at its place is shown."""
    return _next(paths, one) in (None, Wild.DEEP)


def _goes_on(paths: Sequence[tuple[Parts, Show]], one: Candidate) -> bool:
    """Whether the rule also says how everything below its place is shown: by ``**``, or because it hides the value there."""
    coming = _next(paths, one)
    return coming is Wild.DEEP or (coming is None and paths[one.number][1] is Show.HIDDEN)


def _moved(paths: Sequence[tuple[Parts, Show]], one: Candidate, step: str | Wild | None) -> Candidate | None:
    coming = _next(paths, one)
    if _goes_on(paths, one):
        return Candidate(one.number, one.behind, False)
    if coming is None:
        return None
    if step is Wild.ELEMENT:
        return Candidate(one.number, one.behind + 1, False) if coming is Wild.ELEMENT else None
    if coming is Wild.ANY:
        return Candidate(one.number, one.behind + 1, False)
    return Candidate(one.number, one.behind + 1, True) if isinstance(coming, str) and coming == step else None


def _names_fit(rule: ValuePath, path: ValuePath) -> bool:
    """Whether a rule's path of an attribute, a property or a value of the message covers this one."""
    if rule.head != path.head:
        return False
    return rule.parts == path.parts or (bool(rule.parts) and fnmatchcase(str(path.parts[0]), str(rule.parts[0])))


_plans = _Plans()
_NONE = Plan(())
