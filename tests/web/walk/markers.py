"""Words that are planted as personal data, and finding them again in whatever form they come out.

All words of one run begin with the same six random letters, so that one search finds any of them. The seed is printed by
whoever fails: ``EVENTDESK_WALK_SEED`` repeats its words.
"""

import base64
import html
import os
import random
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

SEED = int(os.environ.get("EVENTDESK_WALK_SEED") or random.randrange(2**32))
_LETTERS = "bcdfghjklmnpqrtvwxz"
"""No vowels: no word of a page, and no hexadecimal number, is made of these alone."""
_AROUND = 24
_JSON_ESCAPE = re.compile(r"\\u00([0-7][0-9a-f])", re.IGNORECASE)
_TILDE = re.compile(r"~([0-7][0-9a-f])", re.IGNORECASE)
_HEX_GAPS = re.compile(r"(?<=\b[0-9a-f]{2}) (?=[0-9a-f]{2}\b)")
_HEX_LINES = re.compile(r" {2,}[^\n]{0,40}\n[0-9a-f]{8}  ")


class Markers:
    """Words by what they stand for. ``word("data.name")`` is the same each time it is asked for."""

    def __init__(self, seed: int = SEED) -> None:
        self.seed = seed
        chance = random.Random(seed)
        self.prefix = "".join(chance.choices(_LETTERS, k=6))
        self.words: dict[str, str] = {}
        self._forms = _forms(self.prefix)

    def word(self, meaning: str) -> str:
        """The word that stands for this. Its last three letters are its own."""
        if meaning not in self.words:
            number = len(self.words)
            own = "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in (2, 1, 0))
            self.words[meaning] = (self.prefix + own).capitalize()
        return self.words[meaning]

    def found_in(self, content: str | bytes) -> list[str]:
        """What each word in the content stands for, and the form that it has there. Empty if there is none."""
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        return sorted({found for reading in _readings(text) for found in self._found(reading)})

    def _found(self, text: str) -> Iterator[str]:
        lowered = text.lower()
        for form, needle in self._forms.items():
            where = text if form.startswith("base64") else lowered
            at = where.find(needle)
            while at >= 0:
                yield f"{self._meaning(lowered, form, at)} as {form}"
                at = where.find(needle, at + len(needle))

    def _meaning(self, lowered: str, form: str, at: int) -> str:
        if form == "text":
            own = lowered[at : at + len(self.prefix) + 3]
            return next((meaning for meaning, word in self.words.items() if word.lower() == own), f"part of {own!r}")
        return f"something ({lowered[max(0, at - _AROUND) : at + _AROUND]!r})"


def _forms(prefix: str) -> Mapping[str, str]:
    """The searches by what they find: lower case, except for base64, where case tells letters apart."""
    forms = {"text": prefix, "reversed text": prefix[::-1]}
    forms |= {"hexadecimal": prefix[1:].encode().hex(), "hexadecimal capitals": prefix.upper().encode().hex()}
    for name, written in (("", prefix.capitalize()), (" in capitals", prefix.upper()), (" in small letters", prefix)):
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + written.encode()).decode()
            inner = encoded[(0, 2, 3)[shift] : (shift + len(written)) * 8 // 6]  # signs that the neighbours do not change
            forms[f"base64{name}, shifted by {shift}"] = inner
    return forms


def _readings(text: str) -> Iterator[str]:
    """The text as it is written, and as its reader may decode it."""
    yield text
    if "&#" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "\\u" in text:
        yield _JSON_ESCAPE.sub(_letter, text)
    if "~" in text:
        yield _TILDE.sub(_letter, text)
    lowered = text.lower()
    if gapless := _HEX_GAPS.sub("", _HEX_LINES.sub(" ", lowered)):
        yield gapless if gapless != lowered else ""


def _letter(match: "re.Match[str]") -> str:
    return chr(int(match[1], 16))


MARKERS = Markers()
"""Those of this run, which all tests share, since the store is filled once a process."""
