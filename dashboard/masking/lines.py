"""What the page shows of each field: its path, its kinds, how often it occurs, what a viewer sees, and what it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dashboard.masking.present import path_of, seen_by_viewer
from dashboard.masking.rules_text import Suggestion, treatment_for
from dashboard.masking.seen_fields import Field, SeenFields, Steps, personal
from eventstore.config import Show

SEES: Mapping[Show, str] = MappingProxyType(
    {
        Show.PLAIN: "the value",
        Show.HASH: "a mark",
        Show.LAST4: "the last four characters",
        Show.YEAR: "the year",
        Show.HIDDEN: "nothing",
    }
)
"""What a viewer sees of a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldLine:
    """A field of a type of events.

    - ``kinds``: the kinds of its values, the most frequent first.
    - ``named``, ``shaped``: what its name suggests that it is, and what the shape of its values does; either may be empty.
    - ``show``: what a viewer sees by the present rules, ``rule`` the number of the rule in the file, ``None`` without one.
    """

    path: str
    kinds: Sequence[str]
    events: int
    named: str
    shaped: str
    show: Show
    rule: int | None

    @property
    def looks_personal(self) -> bool:
        return bool(self.named or self.shaped)

    @property
    def exposed(self) -> bool:
        """Whether it looks personal, and a rule shows it to everybody."""
        return self.looks_personal and self.show is Show.PLAIN

    @property
    def sees(self) -> str:
        return SEES[self.show]

    @property
    def suggestion(self) -> Suggestion:
        why = " or ".join(dict.fromkeys(filter(None, [self.named, self.shaped])))
        return Suggestion(path=self.path, show=treatment_for(self.named, self.shaped, self.kinds), why=why)


def field_lines(topic: str, type: str, seen: SeenFields) -> list[FieldLine]:
    """The fields in order of their paths."""
    return [_line(topic, type, steps, one) for steps, one in seen.merged().items()]


def _line(topic: str, type: str, steps: Steps, one: Field) -> FieldLine:
    named, shaped = personal(steps, one)
    show, rule = seen_by_viewer(topic, type, steps)
    return FieldLine(
        path=path_of(steps),
        kinds=[kind for kind, _ in one.kinds.most_common()],
        events=one.events,
        named=named,
        shaped=shaped,
        show=show,
        rule=rule,
    )
