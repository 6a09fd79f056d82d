"""What the test client leaves out holds only as long as no middleware reads certain settings while it is made."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.handlers.base import BaseHandler
from django.test.client import ClientHandler

from tests.lean_client import CHAIN, NOT_READ_BY_MIDDLEWARE


def test_no_middleware_reads_a_setting_that_does_not_make_the_chain_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(settings: LazySettings, name: str) -> Any:
        read.append(name)
        return object.__getattribute__(settings, name)

    handler = ClientHandler()
    monkeypatch.setattr(LazySettings, "__getattribute__", noted, raising=False)
    BaseHandler.load_middleware(handler)
    monkeypatch.undo()
    assert "MIDDLEWARE" in read
    assert [name for name in read if name.startswith(NOT_READ_BY_MIDDLEWARE)] == []
    assert all(name in vars(handler) for name in CHAIN)
