"""Which filters somebody may use. A filter tells what an event holds, so nobody filters by a value that is masked for them.

How a value is shown depends on the topic and the type of its event. A filter is judged before it reads one, so it is allowed
only if every event that it can match shows the value: those of the topics at hand, and of the types that the filter names.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache

from django.conf import settings

from dashboard.access.role_names import who_may
from dashboard.privacy.handles import any_is_personal
from dashboard.privacy.plans import Plan
from dashboard.privacy.profiles import AccessProfile
from dashboard.privacy.rules_of_topics import as_hiding, rule_in
from eventstore.config import DATA, Config, MaskingRule, Parts, Searchable, Show, ValuePath, Wild, spelled, value_path
from eventstore.search import All, AnyOf, Asked, Filter, Not, Term, Tree, is_mark

Types = frozenset[str] | None
"""The types that events can have; ``None`` for any."""

_OPEN = frozenset({"type", "aggregate", "id", "correlation", "causation", "time", "delivery"})
_NAMED = {
    "key": ValuePath("key"),
    "ordering_key": ValuePath("key"),
    "source": ValuePath("attributes", ("source",)),
    "subject": ValuePath("attributes", ("subject",)),
}
_OF_ANY_MESSAGE = frozenset({"key", "properties"})
PERSONAL_IDS = "personal ids"
NOT_BY_VALUES = "Filter by type, aggregate, id, correlation, causation or time instead"


def filter_problem(filter: Filter, profile: AccessProfile, topics: Collection[str] | None = None) -> str:
    """Why the profile may not use this filter on events of these topics (``None``: of any), and what to do; or nothing."""
    if profile.sees_values or filter.tree is None:
        return ""
    for asked, types in _asked(filter.tree, None):
        if not _may_ask(asked, profile, topics, types):
            return _refusal(asked, profile, topics)
    return ""


def asked_by_reason(filter: Filter, profile: AccessProfile, topics: Collection[str] | None = None) -> list[str]:
    """The masked values that a filter compares and that the profile may compare only by its open case: by their paths where a
    rule spells them, otherwise by their heads; never what they are compared with."""
    if profile.sees_values or not profile.filters_masked or filter.tree is None:
        return []
    without = replace(profile, filters_masked=False)
    asked = [one for one, types in _asked(filter.tree, None) if not _may_ask(one, without, topics, types)]
    return sorted({_told(path) for one in asked if (path := _path_of(one)) is not None})


def searched_by_reason(profile: AccessProfile) -> list[str]:
    """What the search box compares for the profile only by its open case: the names of masked searchable values, and
    ``PERSONAL_IDS``."""
    if profile.sees_values or not profile.filters_masked:
        return []
    without = replace(profile, filters_masked=False)
    names = {one.name for one in settings.EVENTDESK.searchables if not may_search(one, without)}
    return [*sorted(names), *([PERSONAL_IDS] if any_is_personal() else [])]


def _told(path: ValuePath) -> str:
    known = any(rule.path == path for rule in settings.EVENTDESK.masking.rules)
    return spelled(path.parts) if known and path.head == DATA else path.head


def may_search(searchable: Searchable, profile: AccessProfile) -> bool:
    """Whether the profile may search for values that the index keeps by this declaration."""
    if profile.sees_values or profile.filters_masked:
        return True
    if any_is_personal():
        return False  # the value may repeat an id
    path = ValuePath(DATA, searchable.plain_path)
    return bool(searchable.plain_path) and shows_of(path, None, None) == {Show.PLAIN}


def is_plain_everywhere(path: str, profile: AccessProfile, topics: Collection[str] | None = None) -> bool:
    """Whether the profile sees the value at this path in every event of these topics (``None``: of any)."""
    named = value_path(path)
    return profile.sees_values or (named is not None and shows_of(named, topics, None) == {Show.PLAIN})


def shows_of(path: ValuePath, topics: Collection[str] | None, types: Types) -> set[Show]:
    """Every treatment that a value at this path can get in events of these topics and types."""
    return {
        show
        for topic in (topics if topics else (None,))
        for type in (types if types is not None else (None,))
        for show in _shows(path, topic, type)
    }


def _asked(tree: Tree, types: Types) -> Iterator[tuple[Asked, Types]]:
    """Each term, with the types of the events of which its answer can matter."""
    if isinstance(tree, Term):
        yield tree.asked, types
    elif isinstance(tree, Not):
        yield from _asked(tree.part, types)
    else:
        if isinstance(tree, All):
            types = _both(types, _types_of(tree))
        for part in tree.parts:
            yield from _asked(part, types)


def _types_of(tree: Tree) -> Types:
    """The types of all events that this can match."""
    if isinstance(tree, Term):
        return frozenset({tree.asked.value}) if tree.asked.field == "type" and tree.asked.operator == "=" else None
    if isinstance(tree, Not):
        return None
    found = [_types_of(part) for part in tree.parts]
    if isinstance(tree, AnyOf):
        return None if None in found else frozenset().union(*(one for one in found if one is not None))
    types: Types = None
    for one in found:
        types = _both(types, one)
    return types


def _both(one: Types, other: Types) -> Types:
    return other if one is None else one if other is None else one & other


def _may_ask(asked: Asked, profile: AccessProfile, topics: Collection[str] | None, types: Types) -> bool:
    if asked.field in _OPEN:
        return True
    path = _path_of(asked)
    if types is not None and (path is None or path.head in _OF_ANY_MESSAGE):
        types |= {""}  # a message that fits no envelope has no type: whether a term holds of it would still be told
    if path is None:
        return not any_is_personal() and _all_is_plain(topics, types)
    if profile.filters_masked and asked.equality:
        return True
    marked = asked.equality and is_mark(asked.value)
    if any_is_personal() and not marked:
        return False  # the value may repeat an id, and is then shown as a handle
    shows = shows_of(path, topics, types)
    if path.head == DATA:  # a filter compares each simple element of a list as well
        shows |= _shows_in_lists(path, topics, types)
    return shows <= {Show.PLAIN} or (marked and shows <= {Show.PLAIN, Show.HASH})


def _shows_in_lists(path: ValuePath, topics: Collection[str] | None, types: Types) -> set[Show]:
    """Every treatment of the simple elements of a list at this path, where a rule speaks of these. Elsewhere they are shown as
    a simple value at the path is."""
    return {
        show
        for topic in (topics if topics else (None,))
        for type in (types if types is not None else (None,))
        for show in _shows_where_reached(path.parts, list(_rules(topic, type)))
    }


def _shows_where_reached(parts: Parts, rules: Sequence[tuple[MaskingRule, bool]]) -> Iterator[Show]:
    element = ValuePath(DATA, (*parts, Wild.ELEMENT))
    for place, (rule, _) in enumerate(rules):
        if rule.path.head == DATA and not _alone(rule).data.at(element.parts).dead:
            known = [(other, surely or number == place) for number, (other, surely) in enumerate(rules)]
            yield from _shows_by(element, known)  # where that rule is one of the event's


def _path_of(asked: Asked) -> ValuePath | None:
    """The path that a term asks for; ``None`` for a text anywhere."""
    if asked.field == DATA:
        return ValuePath(DATA, tuple(part if isinstance(part, str) else Wild.ELEMENT for part in asked.path))
    if asked.field == "property":
        return ValuePath("properties", (".".join(map(str, asked.path)),))
    return _NAMED.get(asked.field)


def _shows(path: ValuePath, topic: str | None, type: str | None) -> Iterator[Show]:
    return _shows_by(path, _rules(topic, type))


def _shows_by(path: ValuePath, rules: Iterable[tuple[MaskingRule, bool]]) -> Iterator[Show]:
    for rule, surely in rules:
        alone = _alone(rule)
        found = alone.data.at(path.parts).fitting if path.head == DATA else alone.show(path)
        if found is None:
            continue
        yield found
        if surely:
            return
    yield Show.HIDDEN


def _rules(topic: str | None, type: str | None) -> Iterator[tuple[MaskingRule, bool]]:
    """The rules that can be for such events, in order, and whether each surely is."""
    config: Config = settings.EVENTDESK
    for written in config.masking.rules:
        rule = written if topic is None or written.topic == "*" else rule_in(written, topic, config)
        if rule is None or (type is not None and not fnmatchcase(type, rule.type)):
            continue
        of_all = topic is not None or rule.topic == "*"
        if not of_all and rule.show is not Show.PLAIN:
            yield as_hiding(rule), False  # as it is for copies
        yield rule, of_all and (type is not None or rule.type == "*")


def _all_is_plain(topics: Collection[str] | None, types: Types) -> bool:
    """Whether every such event shows its whole payload and its keys."""
    return shows_of(ValuePath("key"), topics, types) == {Show.PLAIN} and all(
        _payload_is_plain(topic, type)
        for topic in (topics if topics else (None,))
        for type in (types if types is not None else (None,))
    )


def _payload_is_plain(topic: str | None, type: str | None) -> bool:
    for rule, surely in _rules(topic, type):
        if rule.path.head != DATA:
            continue
        if rule.show is not Show.PLAIN:
            return False
        if surely and rule.path.parts == (Wild.DEEP,):
            return True
    return False


@lru_cache(maxsize=1024)
def _alone(rule: MaskingRule) -> Plan:
    return Plan((rule,))


def _refusal(asked: Asked, profile: AccessProfile, topics: Collection[str] | None) -> str:
    path = _path_of(asked)
    if any_is_personal() and not profile.filters_masked:
        return f"Ids are personal here, and values of events may repeat them, so you cannot filter by these. {NOT_BY_VALUES}."
    if path is None:
        words = "A text is looked for in whole payloads and keys, and some of them is masked for you"
    else:
        words = f"{_spelled(asked, path)} is masked for you"
    advice = f"{NOT_BY_VALUES}, or by values that you see."
    if profile.filters_masked:
        advice = "With an open case you can compare it as a whole, with =, and in no other way."
    elif path is not None:
        advice += _other_ways(asked, path, topics)
    role = who_may("see_payloads")
    right = "" if role == "nobody" else f" Filtering by every value requires the role {role}."
    return f"{words}, and a match would tell what an event holds. {advice}{right}"


def _other_ways(asked: Asked, path: ValuePath, topics: Collection[str] | None) -> str:
    """How the path can be filtered by after all: in events of some type, or by the mark that is shown."""
    types = sorted({rule.type for rule in _plain_types(path, topics)})
    if types:
        named = f"type={types[0]}" if not set(types[0]) & set("*?[") else f"type=NAME, of a type {types[0]},"
        return f" Events of some types show it: add {named} to filter by it there."
    if Show.HASH in shows_of(path, topics, None):
        return f" Pages show a mark in its place: compare with that, as in {_spelled(asked, path)}=#k3v4q2pxab."
    return ""


def _plain_types(path: ValuePath, topics: Collection[str] | None) -> Iterable[MaskingRule]:
    for topic in topics if topics else (None,):
        for rule, _ in _rules(topic, None):
            fitting = _alone(rule).data.at(path.parts).fitting if path.head == DATA else _alone(rule).show(path)
            if fitting is Show.PLAIN and rule.type != "*":
                yield rule


def _spelled(asked: Asked, path: ValuePath) -> str:
    if path.head == DATA:
        return spelled(path.parts)
    return asked.field if asked.field in _NAMED else f"property.{path.parts[0]}"
