"""Notes what the driver asks of a broker's admin API, by whichever of its clients."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.drivers.quick_http import QuickHttp


@contextmanager
def noted_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the paths that are asked for from now on, behind ``/admin/v2/``, without their queries."""
    calls: list[str] = []
    sent, got = AdminHttp.send, QuickHttp.get_whole

    def send(admin: AdminHttp, method: str, path: str, **options: Any) -> httpx.Response:
        calls.append(path)
        return sent(admin, method, path, **options)

    def get(quick: QuickHttp, path: str) -> tuple[Mapping[str, str], bytes] | None:
        answer = got(quick, path)
        if answer is not None:  # otherwise the other client asks
            calls.append(path.partition("?")[0].removeprefix("/admin/v2/"))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(AdminHttp, "send", send)
        patched.setattr(QuickHttp, "get_whole", get)
        yield calls
