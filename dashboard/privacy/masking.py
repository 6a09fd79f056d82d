"""Masking. No value of an event reaches a page, a frame, an export, or a log by any other way.

Who has the standing right to see values (``see_payloads`` in ``dashboard.access.policy``) sees each as it is. Everybody else
sees ids, types and times, and each other value as the configuration's rules show it: the first rule that fits its topic, type
and path wins, and a value that no rule fits is hidden. So are the names of fields, properties and extension attributes, unless
a rule spells them or shows their values: the publisher chose them, and they can tell as much as a value.

A reveal opens values of one event or aggregate to one person. It is asked here, so that every page shows it alike.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dashboard.privacy.documents import masked_document
from dashboard.privacy.handles import any_is_personal, sees_id, without_own_id
from dashboard.privacy.plans import Plan, Way, plan_for, rules_for
from dashboard.privacy.profiles import AccessProfile, Origin, revealed_rules
from dashboard.privacy.treatments import MASKED, DisplayValue, Masked, Partial, text_of, treated
from eventstore.config import DATA, MaskingRule, Show, value_path

OPEN_PATHS = frozenset(
    {
        "id",
        "type",
        "time",
        "published",
        "aggregate_type",
        "aggregate_id",
        "correlation_id",
        "causation_id",
        # the same as CloudEvents attributes, as stories and the envelope name them
        "specversion",
        "aggregatetype",
        "aggregateid",
        "correlationid",
        "causationid",
    }
)
"""What everybody may see: ids, types, and times."""

ATTRIBUTES = "attributes."
AGGREGATE_ID = frozenset({"aggregate_id", "aggregateid"})


def display_value(value: object, path: str, profile: AccessProfile, origin: Origin | None = None) -> DisplayValue:
    """The value as text, what stands in for it, or ``MASKED``.

    ``path`` names the value: ``id``, ``aggregate_id``, ``key``, ``subject``, ``attributes.<name>``, ``properties.<name>``,
    ``data`` (the whole payload), ``data.<path>`` (a value in it). ``origin`` says of which event it is; without it, only open
    paths are seen. Unknown paths are masked.
    """
    if profile.sees_values:
        return text_of(value)
    shown = display_json(value, path, profile, origin)
    return shown if isinstance(shown, Masked | Partial) else text_of(without_marks(shown))


def can_see(path: str, profile: AccessProfile, origin: Origin | None = None) -> bool:
    """Whether the profile sees whatever lies at this path, and all that is in it, as it is."""
    if profile.sees_values or is_open(path):
        return True
    if origin is None:
        return False
    plan, named = plan_of(profile, origin), value_path(path)
    if named is not None and named.head != DATA:
        return plan.show(named) is Show.PLAIN
    if not sees_id(origin.aggregate_type, origin.aggregate_id, profile):
        return False  # a payload often repeats the id of its aggregate
    return plan.data.whole and path.startswith(DATA) if named is None else plan.data.at(named.parts).whole


def sees_some(path: str, profile: AccessProfile, origin: Origin | None = None, *, plan: Plan | None = None) -> bool:
    """Whether the profile may see something of what lies at this path. If not, it must not even be looked up: whether there is
    a value tells something. ``plan`` is that of the profile for this event, if it is known already."""
    if profile.sees_values or is_open(path):
        return True
    return origin is not None and (plan or plan_of(profile, origin)).way(path).open


def sees_name(path: str, profile: AccessProfile, origin: Origin | None = None) -> bool:
    """Whether the profile may see the name of this attribute or property."""
    if profile.sees_values or is_open(path):
        return True
    named = value_path(path)
    return named is not None and origin is not None and plan_of(profile, origin).spells(named)


def display_document(
    document: Any, profile: AccessProfile, origin: Origin | None = None, *, marks: bool = True, plan: Plan | None = None
) -> Any:
    """A whole JSON value, with ``MASKED`` at each hidden place, or without what is hidden. See ``masked_document``.

    ``plan`` is that of the profile for this event, if it is known already.
    """
    if profile.sees_values:
        return document
    if origin is None:
        return MASKED
    plan = plan or plan_of(profile, origin)
    return _without_own_ids(masked_document(document, plan.data, marks=marks), origin, profile)


def display_json(
    value: Any, path: str, profile: AccessProfile, origin: Origin | None = None, *, plan: Plan | None = None
) -> Any:
    """As ``display_value``, but still a JSON value, with ``MASKED`` at each hidden place. ``plan``: as for ``sees_some``."""
    if profile.sees_values:
        return value
    if is_open(path):
        return _without_personal_id(value, path, profile, origin)
    if origin is None:
        return MASKED
    return _without_own_ids(_partly(value, (plan or plan_of(profile, origin)).way(path)), origin, profile)


def plan_of(profile: AccessProfile, origin: Origin) -> Plan:
    """How the profile sees the values of this event: by its reveals, then by the rules."""
    if profile.reveals and (opened := revealed_rules(profile, origin)):
        return _plan_with(tuple(opened), origin.topic, origin.type, plan_for(origin.topic, origin.type))
    return plan_for(origin.topic, origin.type)


@lru_cache(maxsize=256)
def _plan_with(opened: tuple[MaskingRule, ...], topic: str, type: str, plan: Plan) -> Plan:
    """The plan of what is revealed and of the configuration's rules, whose ``plan`` is given to tell these from others."""
    return Plan([*opened, *rules_for(topic, type)])


def is_open(path: str) -> bool:
    """Whether everybody sees the values of this path."""
    return path.removeprefix(ATTRIBUTES) in OPEN_PATHS


def without_marks(shown: Any) -> Any:
    """A value of ``display_document`` as plain JSON: what is hidden is left out, or null in a list."""
    if isinstance(shown, Mapping):
        return {name: without_marks(one) for name, one in shown.items() if one is not MASKED}
    if isinstance(shown, list):
        return [None if one is MASKED else without_marks(one) for one in shown]
    if isinstance(shown, Partial):
        return str.__str__(shown)  # encoders of JSON know no subclass of str
    return None if shown is MASKED else shown


def _partly(value: object, way: Way) -> Any:
    """The value as the plan shows it: it or a part of it, or ``MASKED``."""
    if way.state is None:
        return treated(value, way.show)
    if way.many and isinstance(value, list):
        return [masked_document(one, way.state) for one in value]
    return masked_document(value, way.state)


def _without_personal_id(value: Any, path: str, profile: AccessProfile, origin: Origin | None) -> Any:
    """A value of an open path. An aggregate's id that nothing tells the type of may be personal."""
    if origin is not None:
        return without_own_id(value, origin, profile)
    return MASKED if path.removeprefix(ATTRIBUTES) in AGGREGATE_ID and any_is_personal() else value


def _without_own_ids(shown: Any, origin: Origin, profile: AccessProfile) -> Any:
    """What is shown, with the handle in place of each value and name that is the personal id of the event's own aggregate."""
    if shown is MASKED or sees_id(origin.aggregate_type, origin.aggregate_id, profile):
        return shown
    if isinstance(shown, dict):
        return {without_own_id(name, origin, profile): _without_own_ids(one, origin, profile) for name, one in shown.items()}
    if isinstance(shown, list):
        return [_without_own_ids(one, origin, profile) for one in shown]
    return without_own_id(shown, origin, profile)
