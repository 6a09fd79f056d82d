"""Rules for what was found, as TOML that can be copied into the configuration file.

What looks personal gets a rule that shows as little as is useful. What does not look personal gets one that shows it, but
commented out: a guess by names and shapes must not open anything by itself.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dashboard.masking import personal_names as may_be
from eventstore.config import Show

TREATMENTS: Mapping[str, Show] = MappingProxyType(
    {
        may_be.BIRTH: Show.YEAR,
        may_be.EMAIL: Show.HASH,
        may_be.PHONE: Show.LAST4,
        may_be.INSURANCE: Show.HASH,
        may_be.ACCOUNT: Show.LAST4,
        may_be.NETWORK: Show.HASH,
    }
)
"""How to show what may be something; everything else is hidden."""
BEGINNING = "# A guess by the names of fields and the shapes of values. Read each rule before you use it."
TO_OPEN = "# These look like nothing personal. Remove the # of those that everybody may see."
_GLOB = re.compile(r"[*?[]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A rule for one path. ``why`` is what it may be; empty if it looks like nothing personal."""

    path: str
    show: Show
    why: str


def treatment_for(named: str, shaped: str, kinds: Sequence[str]) -> Show:
    """How to show a field that may be this by its name, and that by its values' shapes. The stricter of both wins."""
    treatments = {TREATMENTS.get(meaning, Show.HIDDEN) for meaning in (named, shaped) if meaning}
    if not treatments:
        return Show.PLAIN
    if len(treatments) > 1:
        return Show.HIDDEN
    [one] = treatments
    return Show.HIDDEN if one is Show.YEAR and not set(kinds) <= {"date", "time", "null"} else one


def rules_text(topic: str, type: str, suggestions: Sequence[Suggestion]) -> str:
    """The rules of this type in this topic, those of what looks personal first; empty if there is nothing to suggest."""
    personal = [one for one in suggestions if one.why]
    others = [one for one in suggestions if not one.why]
    if not suggestions:
        return ""
    texts = [BEGINNING, *(_rule(topic, type, one) for one in personal)]
    if others:
        texts += [TO_OPEN, *(_commented(_rule(topic, type, one)) for one in others)]
    return "\n\n".join(texts) + "\n"


def _rule(topic: str, type: str, one: Suggestion) -> str:
    why = f"  # may be {one.why}" if one.why else ""
    return (
        "[[masking.rule]]\n"
        f"topic = {_text(_exactly(topic))}\n"
        f"type = {_text(_exactly(type))}\n"
        f"path = {_text(one.path)}\n"
        f"show = {_text(one.show.value)}{why}"
    )


def _commented(rule: str) -> str:
    return "\n".join(f"# {line}" for line in rule.split("\n"))


def _exactly(name: str) -> str:
    """The pattern that only this name fits."""
    return _GLOB.sub(lambda sign: f"[{sign[0]}]", name)


def _text(text: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, except that DEL has to be escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
