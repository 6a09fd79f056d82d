"""The words of a message: what has begun, what has grown, what is over, with a link to the page of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from dashboard.models import Alert
from dashboard.observing.alerts.channels import own_address
from dashboard.observing.alerts.conditions import Condition
from dashboard.rendering.text import format_duration
from eventstore.config import About

MOST = 20
"""Things that one message names; the others are counted."""
_OVER = {
    About.STUCK: "The subscription {subscription} of {topic} moves again",
    About.DEAD_LETTERS: "No dead letters are left in {topic}",
    About.INDEX_BEHIND: "The index has caught up",
    About.SEAL_MISSING: "The audit record is sealed again",
}
_NOT_THERE = {
    About.STUCK: "The subscription {subscription} of {topic}, which did not move, is no longer there",
    About.DEAD_LETTERS: "{topic}, which had dead letters, is no longer there",
    About.SEAL_MISSING: "Seals of the audit record are no longer set up",
}
"""Of what is over only because there is no such thing any more."""


@dataclass(kw_only=True, slots=True)
class ToTell:
    """``grown``: how many letters came since they were told of, by condition. ``over``: whether its subject is still there."""

    begun: list[Condition] = field(default_factory=list)
    grown: list[tuple[Condition, int]] = field(default_factory=list)
    over: list[tuple[Alert, bool]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.begun or self.grown or self.over)


def body_of(told: ToTell, now: datetime) -> str:
    """The message as JSON, as it is kept and as a webhook gets it but for its id."""
    begun = [_line(one, one.words) for one in told.begun]
    begun += [_line(one, f"{more:,} more. {one.words}") for one, more in told.grown]
    over = [{"about": row.kind, "text": f"{_over(row, there)}, after {_lasted(row, now)}."} for row, there in told.over]
    named_begun, named_over = begun[:MOST], over[: max(0, MOST - len(begun))]
    return json.dumps(
        {
            "installation": settings.EVENTDESK.installation.name,
            "at": now.isoformat(timespec="seconds"),
            "begun": named_begun,
            "over": named_over,
            "more": len(begun) + len(over) - len(named_begun) - len(named_over),
            "overview": f"{own_address()}/",
        },
        ensure_ascii=False,
    )


def mail_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """The mail's subject and text."""
    begun, over, more = body["begun"], body["over"], body["more"]
    parts = [f"{len(some)} {word}" for some, word in ((begun, "begun"), (over, "over")) if some]
    parts += [f"{more} more"] if more else []
    lines = [f"- {one['text']}\n  {one['page']}" for one in begun] + [f"- {one['text']}" for one in over]
    lines += [f"- and {more} more"] if more else []
    end = f"What needs attention now: {body['overview']}"
    return f"{body['installation']}: {', '.join(parts)}", "\n".join([*lines, "", end, ""])


def _line(one: Condition, words: str) -> dict[str, str]:
    return {"about": one.kind, "text": _plain(words), "page": f"{own_address()}{one.path}"}


def _over(row: Alert, there: bool) -> str:
    kind = About(row.kind)
    words = _OVER[kind] if there else _NOT_THERE.get(kind, _OVER[kind])
    return _plain(words.format(subscription=row.subscription, topic=row.topic))


def _lasted(row: Alert, now: datetime) -> str:
    return format_duration(((row.gone or now) - row.began).total_seconds())


def _plain(text: str) -> str:
    """On one line: the names in it are the broker's."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
