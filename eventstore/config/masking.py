"""Masking as the configuration asks for it: who sees every value, and how each value is shown to everybody else."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from eventstore.config.masking_paths import Parts, ValuePath, Wild, value_path
from eventstore.config.searchable_values import SHORTEST_KEY
from eventstore.model.toml_positions import KeyProblem

Glob = Annotated[str, Meta(min_length=1, max_length=300)]


class Show(StrEnum):
    """How a value is shown to somebody who may not see it."""

    PLAIN = "plain"
    """As it is."""
    HASH = "hash"
    """A short keyed mark: equal values have equal marks."""
    LAST4 = "last4"
    """Its last four characters."""
    YEAR = "year"
    """The year of a date."""
    HIDDEN = "hidden"
    """Not at all, and nothing of what is in it."""


class RuleTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[masking.rule]]`` as it is written."""

    path: Annotated[str, Meta(min_length=1, max_length=500)]
    show: Show
    topic: Glob = "*"
    type: Glob = "*"


class MaskingTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[masking]`` as it is written."""

    clear_for: tuple[Annotated[str, Meta(min_length=1)], ...] | None = None
    rule: tuple[RuleTable, ...] = ()


class MaskingRule(Struct, frozen=True, kw_only=True):
    """One compiled rule, for events in topics and of types that match these patterns."""

    topic: str
    type: str
    path: ValuePath
    show: Show


class Masking(Struct, frozen=True, kw_only=True):
    """``clear_for``: the roles that see every value; ``None`` if the file does not say. The first rule that fits a value wins,
    and a value that no rule fits is hidden."""

    clear_for: tuple[str, ...] | None = None
    rules: tuple[MaskingRule, ...] = ()


def compile_masking(table: MaskingTable) -> Masking:
    """Compile the rules, in order. Raises ``KeyProblem`` if a path cannot be used."""
    return Masking(clear_for=table.clear_for, rules=tuple(_compile(rule, number) for number, rule in enumerate(table.rule)))


def mark_key_problem(masking: Masking, key: str) -> str:
    """Return why the key cannot serve these rules, and what to do; empty if it can."""
    if len(key) >= SHORTEST_KEY or not any(rule.show is Show.HASH for rule in masking.rules):
        return ""
    wrong = f"is too short: {SHORTEST_KEY} characters at the least" if key else "is missing"
    return (
        f"EVENTDESK_HASH_KEY {wrong}. The configuration has masking rules that show a hash: set it to a long random text, the "
        "same for every process, and keep it."
    )


def _compile(rule: RuleTable, number: int) -> MaskingRule:
    path = value_path(rule.path)
    if path is None or not _is_usable(path.parts):
        raise KeyProblem(
            ("masking", "rule", number, "path"),
            'expected a path such as "data.person.name", "data.items[].id", "data.**", "attributes.tenant", "properties.*" '
            'or "key"',
        )
    return MaskingRule(topic=rule.topic, type=rule.type, path=path, show=rule.show)


def _is_usable(parts: Parts) -> bool:
    """Whether ``**`` stands at the end, if anywhere."""
    return Wild.DEEP not in parts[:-1]
