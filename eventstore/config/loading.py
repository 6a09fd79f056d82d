"""Read the one configuration file (``EVENTDESK_CONFIG``) at start. A wrong one is refused with file, line and key.

This module does not need Django: the settings module reads the file before any app is ready.
"""

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from eventstore.config.links import Links, checked_links
from eventstore.config.masking import Masking, MaskingTable, Show, compile_masking
from eventstore.config.payload_marks import PayloadMarks
from eventstore.config.people import (
    About,
    Access,
    Alerts,
    Cases,
    Reveals,
    checked_access,
    checked_alerts,
    checked_cases,
    checked_reveals,
)
from eventstore.config.personal_ids import PersonalTypes, personal_types, says_how_to_read
from eventstore.config.projections import Projection, ReplayDefaults, Way, checked_projections
from eventstore.config.searchable_values import Searchable, SearchableTable, compile_searchables
from eventstore.config.stories import InvalidStory, StoryParts, story_for, story_parts
from eventstore.config.subscriptions import DeclaredSubscription, Positions
from eventstore.config.topic_kinds import BY_NAME, TopicKinds, checked
from eventstore.envelope.forms import Form
from eventstore.envelope.mapping import Before, From, Key, MappingTable, TopicMapping, compile_mapping
from eventstore.envelope.times import Unit
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.toml_positions import KeyPath, KeyProblem, line_of, show_path

MAX_PAGE_SIZE = 200


class Kind(StrEnum):
    """The kind of installation, which gives the banner its word and colour."""

    DEMO = "DEMO"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"
    BROKER = "BROKER"
    """The name of a broker's installation that has no name of its own."""


class Installation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=60)] = "Eventdesk"
    kind: Kind = Kind.PRODUCTION


class Limits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    stuck_after_seconds: Annotated[int, Meta(ge=1)] = 120
    """Seconds. A subscription with a backlog whose cursor has not moved for this long is stuck."""
    typed_confirmation_above: Annotated[int, Meta(ge=0)] = 1000
    """An action on more events than this asks for its name to be typed."""
    payload_preview_bytes: Annotated[int, Meta(ge=100)] = 20_000
    """A longer payload is cut, and shown in full on demand."""
    page_size: Annotated[int, Meta(ge=1, le=MAX_PAGE_SIZE)] = 50
    """Rows of a list."""
    payload_cache_megabytes: Annotated[int, Meta(ge=0, le=100_000)] = 64
    """Memory of each web process for events that pages have read in the last minute. 0 turns the cache off."""
    tails_per_person: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Live tails that one person, or one API token, may have open at the same time in a web process."""


class _File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as it is written."""

    installation: Installation = Installation()
    limits: Limits = Limits()
    access: Access = Access()
    links: Links = Links()
    topics: TopicKinds = BY_NAME
    mapping: tuple[MappingTable, ...] = ()
    masking: MaskingTable = MaskingTable()
    searchable: tuple[SearchableTable, ...] = ()
    payload: tuple[PayloadMarks, ...] = ()
    subscription: tuple[DeclaredSubscription, ...] = ()
    projection: tuple[Projection, ...] = ()
    replays: ReplayDefaults = ReplayDefaults()
    reveals: Reveals = Reveals()
    cases: Cases = Cases()
    alerts: Alerts = Alerts()
    stories: dict[str, Any] = {}


class Config(Struct, frozen=True, kw_only=True):
    """The checked configuration. Patterns, paths and templates are compiled."""

    installation: Installation = Installation()
    limits: Limits = Limits()
    access: Access = Access()
    links: Links = Links()
    topics: TopicKinds = BY_NAME
    mappings: tuple[TopicMapping, ...] = ()
    masking: Masking = Masking()
    personal_types: PersonalTypes = ()
    """Patterns of the aggregate types whose ids are personal."""
    searchables: tuple[Searchable, ...] = ()
    payloads: tuple[PayloadMarks, ...] = ()
    subscriptions: tuple[DeclaredSubscription, ...] = ()
    projections: tuple[Projection, ...] = ()
    replays: ReplayDefaults = ReplayDefaults()
    reveals: Reveals = Reveals()
    cases: Cases = Cases()
    alerts: Alerts = Alerts()
    stories: dict[str, StoryParts] = {}
    path: str = ""
    """The file's path; empty for the defaults."""

    def story(self, event_type: str) -> StoryParts | None:
        """Return the parsed story line for this event type; ``None`` if there is none."""
        return story_for(self.stories, event_type)


def load_config(path: str) -> Config:
    """Load this file, or the defaults if ``path`` is empty. Raises ``InvalidConfiguration``, which says what is wrong
    and where.
    """
    if not path:
        return Config()
    return parse_config(_read(path), path)


def parse_config(text: str, path: str) -> Config:
    """Parse a configuration. ``path`` names it in errors."""
    try:
        return _build(tomllib.loads(text), path)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(_toml_problem(text, path, str(error))) from error
    except KeyProblem as error:
        line = line_of(text, error.path)
        raise InvalidConfiguration(f"{path}, line {line}: {show_path(error.path)}: {error.expected}") from error
    except RecursionError as error:
        raise InvalidConfiguration(f"{path}, line 1: it is nested too deeply to be read") from error


def _read(path: str) -> str:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InvalidConfiguration(
            f"{path} (EVENTDESK_CONFIG) cannot be read: {error.strerror}. Name a readable TOML file, or none for the defaults."
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidConfiguration(f"{path}, line {line}: this is not UTF-8 text. Save the file as UTF-8.") from error


def _build(content: dict[str, Any], path: str) -> Config:
    try:
        file = msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        raise _schema_problem(str(error)) from error
    return Config(
        installation=file.installation,
        limits=file.limits,
        access=checked_access(file.access),
        links=checked_links(file.links),
        topics=checked(file.topics),
        mappings=tuple(
            compile_mapping(table, ("mapping", number)) for number, table in enumerate(file.mapping) if says_how_to_read(table)
        ),
        personal_types=personal_types(file.mapping),
        masking=compile_masking(file.masking),
        searchables=compile_searchables(file.searchable),
        payloads=file.payload,
        subscriptions=file.subscription,
        projections=checked_projections(file.projection, file.replays),
        replays=file.replays,
        reveals=checked_reveals(file.reveals),
        cases=checked_cases(file.cases),
        alerts=checked_alerts(file.alerts),
        stories={event_type: _story(event_type, template) for event_type, template in file.stories.items()},
        path=path,
    )


def _story(event_type: str, template: object) -> StoryParts:
    path = ("stories", event_type)
    if isinstance(template, dict):
        raise KeyProblem(path, 'expected one line of text; put an event type that holds a dot in quotes: "a.b" = "…"')
    if not isinstance(template, str) or not template.strip() or "\n" in template:
        raise KeyProblem(path, 'expected one line of text such as "Document uploaded by {data.uploadedBy}"')
    try:
        return story_parts(template)
    except InvalidStory as error:
        raise KeyProblem(path, str(error)) from error


def _toml_problem(text: str, path: str, said: str) -> str:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    what = said[: place.start()] if place else said
    line = int(place[1]) if place and place[1] else max(1, len(text.rstrip("\n").split("\n")))
    return f"{path}, line {line}: this is not TOML: {what}"


_WORDS = {
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "text in quotes",
    "`bool`": "true or false",
    "`object`": "a table",
    "`array`": "a list",
    "`null`": "nothing",
}


def _schema_problem(said: str) -> KeyProblem:
    """Turn msgspec's message ("Expected `int`, got `str` - at `$.limits.page_size`") into a path and plain words."""
    what, _, place = said.partition(" - at `")
    path = _schema_path(place.removesuffix("`"))
    if unknown := re.search(r"unknown field `(.+)`", what):
        return KeyProblem((*path, unknown[1]), "there is no such key; see docs/configuration.md for those there are")
    if missing := re.search(r"missing required field `(.+)`", what):
        return KeyProblem((*path, missing[1]), "this key is required")
    if wrong := re.search(r"Invalid enum value '(.*)'", what):
        return KeyProblem(path, f"{wrong[1]!r} is none of the words expected here: {_choices(path)}")
    for word, plain in _WORDS.items():
        what = what.replace(word, plain)
    return KeyProblem(path, what[:1].lower() + what[1:])


def _schema_path(place: str) -> KeyPath:
    found = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", place)
    return tuple(name or int(number) for name, number in found)


def _choices(path: KeyPath) -> str:
    words: dict[str, type[StrEnum]] = {
        "kind": Kind, "form": Form, "before": Before, "key": Key, "unit": Unit, "positions": Positions, "ways": Way,
        "show": Show, "about": About,
    }  # fmt: skip
    key = next((part for part in reversed(path) if isinstance(part, str)), "")  # the number behind a list's key is no word
    return ", ".join(words.get(key, From))
