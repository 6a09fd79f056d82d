"""What Django's test client does for each client and each template, and no test here asks for, is left out.

It took a twentieth of the processor time of the tests of pages.
"""

from typing import Any

from django.core.signals import setting_changed
from django.template import Template
from django.test.client import ClientHandler
from django.test.utils import _TestState

CHAIN = ("_middleware_chain", "_view_middleware", "_template_response_middleware", "_exception_middleware")
"""What loading the middleware makes of a handler."""
NOT_READ_BY_MIDDLEWARE = ("EVENTDESK", "CLEAR_FOR", "SIGN_IN", "PROXIES")
"""The settings, by the beginning of their names, that no middleware reads while it is made."""


def keep_middleware() -> None:
    """Let all clients share one chain of middleware until a setting changes that it may have read."""
    plain, kept = ClientHandler.load_middleware, dict[str, Any]()

    def load_middleware(handler: Any, is_async: bool = False) -> None:
        if not kept:
            plain(handler, is_async)
            kept.update({name: vars(handler).get(name) for name in CHAIN})
        vars(handler).update(kept)

    def forget(*, setting: str, **_: Any) -> None:
        if not setting.startswith(NOT_READ_BY_MIDDLEWARE):
            kept.clear()

    setting_changed.connect(forget, weak=False)
    ClientHandler.load_middleware = load_middleware  # type: ignore[assignment, method-assign]


def record_no_templates() -> None:
    """Let no answer hold the templates that it was made of, with a copy of each one's variables."""
    Template._render = _TestState.saved_data.template_render  # type: ignore[attr-defined]
