"""Searching as somebody of a role does."""

from typing import Any
from urllib.parse import urlencode

from tests.web.desk import Desk

PATIENT = "/aggregates/patient/4711/"


def search(desk: Desk, text: str, **more: Any) -> Any:
    return desk.get(f"/aggregates/?{urlencode({'q': text})}", **more)
