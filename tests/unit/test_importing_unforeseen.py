"""A line of a file on which its reading fails is rejected, and nothing of it is told."""

import io

import pytest

from eventstore import importing
from eventstore.envelope import document_to_message
from eventstore.model.events import NewMessage
from tests.unit.messages import DOCUMENT, lines


def test_a_line_that_nobody_foresaw_is_rejected_and_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = document_to_message

    def fragile(text: bytes) -> NewMessage:
        if b"e-2" in text:
            raise KeyError("secret payload")
        return read(text)

    monkeypatch.setattr(importing, "document_to_message", fragile)
    content = lines(*[DOCUMENT | {"id": f"e-{number}"} for number in (1, 2, 3)])
    first, second, third = importing.parse_lines(io.BytesIO(content))
    assert isinstance(first, importing.Accepted)
    assert isinstance(second, importing.Rejected)
    assert isinstance(third, importing.Accepted)
    assert "KeyError" in second.reason
    assert "secret" not in second.reason
