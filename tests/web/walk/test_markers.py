"""The walk finds its words in every form in which a value may come out."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from dashboard.rendering.payload import hex_lines
from dashboard.rendering.url_segments import segment
from tests.web.walk.markers import Markers

MARKERS = Markers(seed=4711)
WORD = MARKERS.word("data.name")


def in_base64(after: int, text: str) -> str:
    return base64.b64encode(b"x" * after + text.encode()).decode()


FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in small letters": str.lower,
    "in capitals": str.upper,
    "reversed": lambda text: text[::-1],
    "percent-encoded": lambda text: "".join(f"%{ord(sign):02X}" for sign in text),
    "with our own escape": lambda text: "".join(f"~{ord(sign):02X}" for sign in text),
    "in a segment": lambda text: segment(f"ä {text} ß"),
    "as entities": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "as hexadecimal entities": lambda text: "".join(f"&#x{ord(sign):x};" for sign in text),
    "escaped": lambda text: html.escape(f"<b>{text}</b>"),
    "as JSON escapes": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({text: 1})),
    "in hexadecimal": lambda text: text.encode().hex(),
    "in hexadecimal capitals": lambda text: text.encode().hex().upper(),
    "in hexadecimal with gaps": lambda text: text.encode().hex(" "),
    "in hexadecimal lines": lambda text: "\n".join(line[:59] for line in hex_lines(f"12345678901{text}".encode()).split("\n")),
    **{f"in base64 after {length} bytes": partial(in_base64, length) for length in range(4)},
    "in base64, small letters": lambda text: base64.b64encode(f'{{"name":"{text.lower()}"}}'.encode()).decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(f"?{text}".encode()).decode(),
    "cut behind its beginning": lambda text: text[:7] + "…",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_word_is_found(form: str) -> None:
    assert MARKERS.found_in(f"<p>what {FORMS[form](WORD)} is</p>"), form


def test_it_says_which_word_it_was() -> None:
    assert MARKERS.found_in(f"<p>{WORD}</p>") == ["data.name as text"]
    assert Markers(seed=4711).word("data.name") == WORD
    assert Markers(seed=4712).word("data.name") != WORD


def test_a_page_without_one_has_none() -> None:
    assert MARKERS.found_in("<p>Nothing of interest, 4711, ~7E%20&amp;&#x27;, 0123456789abcdef</p>") == []
