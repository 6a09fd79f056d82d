"""Exporting the audit record: its entries, which can be checked without a desk, or its acts as FHIR. Recorded itself."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from dashboard.access import policy
from dashboard.access.client_address import client_address
from dashboard.auditing import noted
from dashboard.auditing.acts import Act, Wanted, count_acts, every_act
from dashboard.auditing.entries import line_of
from dashboard.auditing.one_call import flush
from dashboard.auditing.verification import rows, rows_of
from dashboard.gateway import desk, sight
from dashboard.record.action_rules import EXPORT_RECORD, record_resource
from dashboard.record.fhir import event_line
from dashboard.record.filters import FilterForm, is_filtered, kept, wanted_by
from dashboard.scoping.rows import sees_act
from dashboard.scoping.sight import Sight
from dashboard.web.pages import actor_of, as_file, page, person_of, problem, profile_of
from dashboard.web.problems import Problem

TYPED = {"on", "text", "name", "scope"}
"""What may hold a person's id or name: that it was given is recorded, and not what it was."""
PIECE = 500
"""Entries that are read at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One kind of file. ``lines`` makes it of some acts."""

    name: str
    title: str
    content_type: str
    file: str
    lines: Callable[[list[Act]], bytes]


def _entry_lines(acts: list[Act]) -> bytes:
    return b"".join(map(line_of, rows_of([act.act for act in acts])))


FORMATS = {
    format.name: format
    for format in (
        Format(
            name="entries",
            title="Export entries (NDJSON)",
            content_type="application/x-ndjson",
            file="audit-record.ndjson",
            lines=_entry_lines,
        ),
        Format(
            name="fhir",
            title="Export FHIR (AuditEvent)",
            content_type="application/fhir+ndjson",
            file="audit-events.ndjson",
            lines=lambda acts: b"".join(map(event_line, acts)),
        ),
    )
}


@page("read_audit")
def export(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    format = FORMATS.get(request.GET.get("format", ""))
    if not form.is_valid() or format is None:
        text = "It was cut off or changed when it was copied."
        return problem(request, Problem(status=400, title="This address does not work", text=text))
    given = form.cleaned_data
    wanted, _ = wanted_by(given, desk().index.topics(), profile_of(request))
    most = policy.most_rows(person_of(request), EXPORT_RECORD.name)
    there = _count(wanted, most + 1, sight())
    if there > most:  # refused, not cut off: a file that ends early looks like a whole one
        return _too_many(request, most)
    said = {name: "given" if name in TYPED else text for name, text in kept(given).items()}
    details = {"format": format.name, "acts": there, "filter": said, "address": client_address(request) or None}
    noted(actor_of(request), EXPORT_RECORD.name, record_resource(), details)
    whole = format.name == "entries" and not is_filtered(given) and sight() is None
    pieces = _whole() if whole else _pieces(format, wanted, sight())
    body = _awaited(pieces) if isinstance(request, ASGIRequest) else pieces
    answer = StreamingHttpResponse(body, content_type=format.content_type)
    return cast("HttpResponse", as_file(answer, format.file))


def _count(wanted: Wanted, most: int, within: Sight | None) -> int:
    """How many acts the file will hold; not counted further than ``most``."""
    if within is None:
        return count_acts(wanted, most)
    seen = (act for acts in every_act(wanted) for act in acts if sees_act(act, within))
    return sum(1 for _ in islice(seen, most))


def _too_many(request: HttpRequest, most: int) -> HttpResponse:
    return problem(
        request,
        Problem(
            status=400,
            title="Too many acts for one file",
            text=f"One file holds at most {most:,} acts.",
            advice="Filter by time. At a shell, verify_record --export writes the whole record.",
        ),
    )


def _whole() -> Iterator[bytes]:
    """Every entry, those that end acts as well, as the check needs them."""
    lines: list[bytes] = []
    for row in rows():
        lines.append(line_of(row))
        if len(lines) == PIECE:
            yield b"".join(lines)
            lines = []
    flush()  # a crash of the database must leave no file with more entries than the record
    yield b"".join(lines)


def _pieces(format: Format, wanted: Wanted, within: Sight | None) -> Iterator[bytes]:
    """The file is made after the request is answered, so ``within`` is handed in."""
    for acts in every_act(wanted):
        yield format.lines([act for act in acts if sees_act(act, within)])


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Piece by piece: given the iterator itself, the server would hold the whole file in memory."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece


urls = [path("audit/export/", export, name="audit_export")]
