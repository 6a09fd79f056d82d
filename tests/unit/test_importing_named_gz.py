"""A file whose name says gzip, and what it holds."""

import io

import pytest

from eventstore.importing import IS_NO_GZIP, Accepted, Rejected, parse_lines
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
