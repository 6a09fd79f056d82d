"""What a viewer sees of a field by the rules that are in force, and which of them says so."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import escape

from django.conf import settings

from dashboard.masking.seen_fields import ANY, ITEM, Steps
from dashboard.privacy import Plan, rule_in
from eventstore.config import DATA, Config, MaskingRule, Parts, Show, ValuePath, Wild, spelled

ANY_NAME = "\ufdd0"
"""Stands for any name of a field: no rule spells it."""


def path_of(steps: Steps) -> str:
    """The field's path as a rule writes it."""
    head, rest = steps[0], steps[1:]
    if head == DATA:
        return spelled(_parts(rest))
    return ".".join([head, *(name if name == ANY else escape(name) for name in rest)])


def seen_by_viewer(topic: str, type: str, steps: Steps) -> tuple[Show, int | None]:
    """How a simple value of this field is shown, and the number of the rule in the file; ``None`` if no rule fits it."""
    config: Config = settings.EVENTDESK
    fitting = [
        (number, rule)
        for number, written in enumerate(config.masking.rules, 1)
        if (rule := rule_in(written, topic, config)) and fnmatchcase(type, rule.type) and rule.path.head == steps[0]
    ]
    found = _first(fitting, steps)
    if found is None and steps[-1] == ITEM:  # a rule for a list is one for its simple elements
        found = _first(fitting, steps[:-1])
    return found if found is not None else (Show.HIDDEN, None)


def _first(rules: Sequence[tuple[int, MaskingRule]], steps: Steps) -> tuple[Show, int] | None:
    """What the first of these rules that fits says, and its number."""
    for number, rule in rules:
        plan = Plan([rule])
        if steps[0] == DATA:
            parts = tuple(ANY_NAME if part is Wild.ANY else part for part in _parts(steps[1:]))
            show = plan.data.at(parts).fitting
        else:
            show = plan.show(ValuePath(steps[0], tuple(ANY_NAME if name == ANY else name for name in steps[1:])))
        if show is not None:
            return show, number
    return None


def _parts(steps: Steps) -> Parts:
    wild = {ITEM: Wild.ELEMENT, ANY: Wild.ANY}
    return tuple(wild.get(step, step) for step in steps)
