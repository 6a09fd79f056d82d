"""An event's row as a browser reads it, with hostile texts: one row, known tags and attributes, and every value complete."""

from dataclasses import fields
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.privacy import MASKED
from dashboard.rendering.anomaly_text import texts_of_kinds
from dashboard.rendering.event_line import EventLine
from dashboard.rendering.event_row import StreamRows, render_row, render_rows, render_stream_rows
from eventstore.config import PayloadStanding
from eventstore.model.anomalies import Anomaly
from eventstore.streams.rows import Missing

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror="alert(1)">',
    "' onmouseover='alert(1)",
    "</tr></td></table><tr>",
    "</TR ><!--",
    "<script>alert(1)</script>",
    "&lt;b&gt; &amp; &",
    "right\u202eto left",
    "half a pair \ud800",
    "nul \x00 and\nlines\r\u2028",
    "",
    "x" * 5_000,
)
ROW_DATA = ("data-event-id", "data-aggregate-id", "data-aggregate-type", "data-position", "data-version")
ATTRIBUTES = {
    "tr": {*ROW_DATA},
    "td": {"class"},
    "time": {"datetime", "title", "data-style", "data-fine"},
    "a": {"class", "href", "data-line"},
    "span": {"class", "data-payload", "title", "aria-hidden", "data-anomaly", "role", "aria-label"},
    "bdi": {"class", "title"},
    "div": {"class"},
    "button": {"type", "class", "data-copy", "aria-label"},
}
CHOOSES = {"hx-get", "hx-target", "hx-replace-url", "hx-sync", "data-own", "aria-current"}
"""What the words of an aggregate's page have as well."""


class Read(HTMLParser):
    """The tags, attributes, and text of a row."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.others: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def line(text: str, **other: Any) -> EventLine:
    """A line in which every text is this one."""
    at = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)
    texts: dict[str, Any] = {field.name: text for field in fields(EventLine) if field.type in {str, "str"}}
    told: dict[str, Any] = {
        "id_is_position": False,
        "partition": 2,
        "time": at,
        "published": at,
        "tone": 3,
        "pieces": (text, MASKED, text),
        "version": 16,
        "key": text,
        "payload_unreadable": True,
        "missing": Missing.TRIMMED,
        "standing": PayloadStanding.SHREDDED,
        "schema_mismatch": True,
        "unindexed": False,
        "derived": True,
        "anomalies": texts_of_kinds(Anomaly),
    }
    return EventLine(**{**texts, **told, **other})


@pytest.mark.parametrize("other", [{}, {"aggregate_id": ""}, {"type": ""}, {"version": None}], ids=str)
@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:40] for text in HOSTILE])
def test_a_row_is_one_row_and_holds_its_texts_as_text(text: str, other: dict[str, Any]) -> None:
    shown = line(text, **other)
    html = render_row(shown)
    assert html.count("</tr>") == 1 and html.endswith("</tr>\n")  # the page cuts frames there
    row = Read(html)
    assert (row.open, row.others) == ([], [])
    assert row.tags[0][0] == "tr"
    assert len(row.all("tr")) == 1
    assert len(row.all("td")) == 4
    assert set(dict(row.tags)) <= set(ATTRIBUTES)
    for tag, attributes in row.tags:
        assert set(attributes) <= ATTRIBUTES[tag], tag
    data = (shown.event_id, shown.aggregate_id, shown.aggregate_type, shown.position, str(shown.version or ""))
    assert tuple(row.all("tr")[0][name] for name in ROW_DATA) == data
    assert [button["data-copy"] for button in row.all("button")] == [shown.place]
    hrefs = [shown.aggregate_url, shown.url] if shown.aggregate_id else [shown.url]
    assert [link["href"] for link in row.all("a")] == hrefs
    read_by_people = row.text + "".join(attributes.get("title") or "" for _, attributes in row.tags)
    assert not set(read_by_people) & set("\u202e\ud800\x00\r\u2028")


def test_rows_stand_one_after_the_other() -> None:
    lines = [line(text) for text in HOSTILE]
    assert render_rows(lines).count("</tr>") == len(lines)
    assert len(Read(render_rows(lines)).all("tr")) == len(lines)
    assert render_rows([]) == ""


def test_a_line_that_cannot_be_rendered_leaves_the_others() -> None:
    html = render_rows([line("one"), line("two", pieces=(object(),)), line("three")])
    assert html.count("<tr") == html.count("</tr>\n") == 3
    assert "This message cannot be shown" in html


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:40] for text in HOSTILE])
@pytest.mark.parametrize("missing", [Missing.TRIMMED, Missing.ANEW])
def test_a_row_of_an_aggregates_page_is_one_row_and_holds_its_texts_as_text(text: str, missing: Missing) -> None:
    shown = line(text, missing=missing)
    of = StreamRows(query="filter=a%26b&", selected=text, several=True, movable=True)
    row = Read(render_stream_rows([(shown, "<td>beside</td>")], of))
    assert (row.open, row.others) == ([], [])
    assert (len(row.all("tr")), len(row.all("td"))) == (1, 4)
    for tag, attributes in row.tags:
        assert set(attributes) <= ATTRIBUTES[tag] | {"class"} | (CHOOSES if tag == "a" else set()), tag
    data = (shown.event_id, shown.aggregate_id, shown.aggregate_type, shown.position, "16")
    assert tuple(row.all("tr")[0][name] for name in ROW_DATA) == data
    words = row.all("a")[0]
    query = parse_qs(urlsplit(words["hx-get"] or "").query, keep_blank_values=True, errors="surrogatepass")
    assert query["filter"] == ["a&b"] and query["event"] == [shown.position] and words["data-own"] == shown.url
    assert ("published" in query) is shown.log_is_gone
    read_by_people = row.text + "".join(attributes.get("title") or "" for _, attributes in row.tags)
    assert not set(read_by_people) & set("\u202e\ud800\x00\r\u2028")


def test_an_aggregates_page_marks_a_new_shape_and_which_event_is_beside_the_list() -> None:
    lines = [line("one", new_shape=True, url="/one"), line("two", url="/two")]
    first, second = render_stream_rows([(each, "") for each in lines], StreamRows(selected="/two")).split("</tr>")[:2]
    assert "new shape</span>" in first and "new shape</span>" not in second
    assert 'class="selected"' in second and 'aria-current="true"' in second
    assert 'class="selected"' not in first and "aria-current" not in first
    assert "Continue from here" not in first and "of-stream" not in first


def test_a_line_that_cannot_be_rendered_leaves_the_others_of_an_aggregates_page() -> None:
    lines = [line("one"), line("two", pieces=(object(),)), line("three")]
    html = render_stream_rows([(each, "") for each in lines], StreamRows())
    assert html.count("<tr") == html.count("</tr>") == 3
    assert "This message cannot be shown" in html
