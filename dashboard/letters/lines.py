"""Dead letters as lines of a page, masked for their reader."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import urlencode

from dashboard.gateway import desk
from dashboard.privacy import (
    MASKED,
    AccessProfile,
    DisplayValue,
    Masked,
    any_is_personal,
    display_value,
    is_plain_everywhere,
    origin_of,
)
from dashboard.rendering import EventLine, build_line, build_pointer_line
from dashboard.rendering.text import shorten, visible
from dashboard.subscriptions import backlog_cache
from dashboard.web.global_search import quoted
from eventstore.letters import Letter, LetterGroups
from eventstore.streams import Missing

MOST_GROUPS = 8
"""Groups of each kind that are listed: those with most letters."""
LONGEST_REASON = 120
LONGEST_NAME = 60
REAL_SUBSCRIPTION, REAL_TOPIC = "properties.REAL_SUBSCRIPTION", "properties.REAL_TOPIC"
"""The properties in which a letter says whose it is, as paths of masking."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterLine:
    """One letter. ``line`` is the letter itself, ``original`` its original as the index knows it.

    - ``tries``: how often the event was given to a consumer; ``None`` where the letter does not say.
    - ``reason``: empty where none is recorded.
    - ``of_other``: whose letter it is, if it is another subscription's in a shared topic.
    """

    line: EventLine
    original: EventLine | None
    original_is_gone: bool
    tries: int | None
    reason: DisplayValue
    came_along: int
    shares_entry: int
    of_other: DisplayValue
    waits: bool

    @property
    def published(self) -> datetime:
        """When it was dead-lettered."""
        return self.line.published

    @property
    def event(self) -> EventLine:
        """What tells the event's time: the original, since a letter of Python's client has lost its own."""
        return self.original or self.line


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Letters that are alike. ``url`` leads to a list of them; empty where no filter finds them."""

    words: DisplayValue
    letters: int
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """The groups of each kind, and how many letters were looked at. ``more`` counts the groups that are not listed."""

    examined: int
    kinds: Sequence[tuple[str, Sequence[Group], int]]


def letter_lines(letters: Iterable[Letter], topic: str, name: str, profile: AccessProfile) -> list[LetterLine]:
    """The letters as lines of a page about this subscription."""
    known = cache(known_names)
    return [_line(letter, "" if letter.is_of(topic, name) else whose(letter, known, profile), profile) for letter in letters]


def known_names() -> Set[str]:
    """The names of topics and subscriptions that exist, as far as the desk knows."""
    subscriptions = backlog_cache.last_known()
    names = {line.subscription.name for line in subscriptions.lines} if subscriptions else set()
    return names | set(desk().index.topics())


def whose(letter: Letter, known: Callable[[], Set[str]], profile: AccessProfile) -> DisplayValue:
    """The subscription that a letter names, or else its topic. Any publisher can write anything there: who sees no properties
    sees it only if there is such a one."""
    origin = letter.origin
    said, path = (origin.subscription, REAL_SUBSCRIPTION) if origin.subscription else (origin.topic, REAL_TOPIC)
    seen = display_value(said, path, profile, origin_of(letter.event) if letter.event is not None else None)
    return said if said and not isinstance(seen, str) and said in known() else seen


def _line(letter: Letter, other: DisplayValue, profile: AccessProfile) -> LetterLine:
    origin = letter.origin
    of = origin_of(letter.event) if letter.event is not None else None
    reason = display_value(origin.reason, f"properties.{origin.reason_name}", profile, of) if origin.reason else ""
    gone = Missing.TRIMMED if letter.original_is_gone else Missing.NOTHING
    return LetterLine(
        line=build_line(letter.row, profile),
        original=build_pointer_line(letter.original, gone, profile=profile) if letter.original is not None else None,
        original_is_gone=letter.original_is_gone,
        tries=origin.tries,
        reason=reason if isinstance(reason, Masked) else shorten(reason, LONGEST_REASON),
        came_along=letter.came_along,
        shares_entry=letter.shares_entry,
        of_other=shorten(visible(other), LONGEST_NAME) if isinstance(other, str) else other,
        waits=letter.waits,
    )


def groups_of(found: LetterGroups, url: str, topic: str, profile: AccessProfile) -> Groups:
    """The groups as they are listed. ``topic`` has the letters. ``url`` is the address of the list, without a filter but with
    a ``?``."""

    def filtered(filter: str) -> str:
        return f"{url}{urlencode({'filter': filter})}"

    types = [
        Group(words=visible(type) or "no type", letters=count, url=filtered(f"type={quoted(type)}") if type else "")
        for type, count in found.types
    ]
    versions = _versions(found, topic, profile)
    kinds = [("Type", types), ("Schema version", versions), ("Reason", _reasons(found, filtered, topic, profile))]
    kept = [(name, groups[:MOST_GROUPS], max(0, len(groups) - MOST_GROUPS)) for name, groups in kinds if _tells(name, groups)]
    return Groups(examined=found.examined, kinds=kept)


def _versions(found: LetterGroups, topic: str, profile: AccessProfile) -> list[Group]:
    """The versions of schemas. For whoever does not see them everywhere one group, as for reasons."""
    if not is_plain_everywhere("schema_version", profile, [topic]):
        with_one = sum(count for version, count in found.versions if version)
        without = sum(count for version, count in found.versions if not version)
        found_groups = [Group(words=MASKED, letters=with_one), Group(words="none", letters=without)]
        return [group for group in found_groups if group.letters]
    return [Group(words=version or "none", letters=count) for version, count in found.versions]


def _tells(name: str, groups: Sequence[Group]) -> bool:
    """Whether the groups say something: versions and reasons only where some letter has one."""
    return name == "Type" or any(group.words not in ("none", "not recorded") for group in groups)


def _reasons(found: LetterGroups, filtered: Callable[[str], str], topic: str, profile: AccessProfile) -> list[Group]:
    """For whoever sees no values one group: even how many different reasons there are would tell something."""
    recorded = [(pair, count) for pair, count in found.reasons if pair[1]]
    without = sum(count for pair, count in found.reasons if not pair[1])
    seen = (profile.sees_values or not any_is_personal()) and all(  # a reason may be an id, which is shown as a handle
        is_plain_everywhere(f"properties.{name}", profile, [topic]) for (name, _), _ in recorded
    )
    if recorded and not seen:
        groups = [Group(words=MASKED, letters=sum(count for _, count in recorded))]
    else:
        groups = [
            Group(
                words=shorten(visible(reason), LONGEST_REASON),
                letters=count,
                url=filtered(f"property.{quoted(name)}={quoted(reason)}"),
            )
            for (name, reason), count in recorded
        ]
    return groups + ([Group(words="not recorded", letters=without)] if without else [])
