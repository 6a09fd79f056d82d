"""A file whose name says gzip, and what it holds."""

import io
from collections.abc import Callable

import pytest

from eventstore.importing import IS_NO_GZIP, IS_UTF_16, MAX_LINE, Accepted, Rejected, parse_lines
from eventstore.samples.health import health_history
from tests.unit.messages import gzipped, lines

EVENTS = list(health_history(1, 12))


@pytest.mark.parametrize("content", [b"\x00" * 100, b"broken", b"\x1e\x8b" + gzipped(lines(*EVENTS))[2:]])
def test_a_file_that_is_called_gz_and_is_none_is_one_error_that_says_so(content: bytes) -> None:
    (found,) = parse_lines(io.BytesIO(content), packed=True)
    assert isinstance(found, Rejected)
    assert found.reason == IS_NO_GZIP


def test_a_file_that_is_called_gz_and_holds_plain_lines_is_read() -> None:
    for content in (lines(*EVENTS), b"\xef\xbb\xbf" + lines(*EVENTS), gzipped(lines(*EVENTS))):
        assert len([line for line in parse_lines(io.BytesIO(content), packed=True) if isinstance(line, Accepted)]) == len(
            EVENTS
        )


@pytest.mark.parametrize("first", [b"# exported events", b"id,type,source", b"x" * (MAX_LINE + 1)], ids=["#", "CSV", "long"])
def test_a_first_line_that_is_no_event_is_rejected_alone_where_the_file_is_gzip(first: bytes) -> None:
    found = list(parse_lines(io.BytesIO(gzipped(first + b"\n" + lines(*EVENTS))), packed=True))
    assert [line.number for line in found if isinstance(line, Rejected)] == [1]
    assert IS_NO_GZIP not in [line.reason for line in found if isinstance(line, Rejected)]
    assert len([line for line in found if isinstance(line, Accepted)]) == len(EVENTS)


@pytest.mark.parametrize("pack", [gzipped, bytes], ids=["gzip", "plain"])
def test_utf_16_is_called_that_whatever_the_file_is_called(pack: Callable[[bytes], bytes]) -> None:
    (found,) = parse_lines(io.BytesIO(pack(lines(*EVENTS).decode().encode("utf-16"))), packed=True)
    assert isinstance(found, Rejected)
    assert found.reason == IS_UTF_16
