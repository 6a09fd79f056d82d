"""A cursor reset as somebody does it in the pages: previewed, then confirmed."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from tests.web.desk import NAME, TOPIC, Answer, Desk, hidden


def preview_url(to: str, name: str = NAME, **more: str) -> str:
    return reverse("cursor_reset_new", args=[TOPIC, name]) + "?" + urlencode({"to": to, **more})


def post_url(name: str = NAME) -> str:
    return reverse("cursor_resets", args=[TOPIC, name])


def confirmed(preview: Answer, **more: str) -> dict[str, str]:
    """The fields that the page's form sends."""
    return {**hidden(preview), "reason": "SUP-8812: mails were lost", **more}


def reset(desk: Desk, to: str, role: str = "support", **more: str) -> Any:
    return desk.client(role).post(post_url(), confirmed(desk.get(preview_url(to, **more), role)))


def waiting(desk: Desk) -> int:
    return desk.subscriptions.named(TOPIC, NAME).backlog
