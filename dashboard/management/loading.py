"""What the processes of ``serve`` need is imported once, by the process that forks them."""

import gc
from importlib import import_module

from django.db import connections

from dashboard.hints import of_process

NEEDED = (
    "autobahn.websocket.protocol",
    "channels.routing",
    "daphne.http_protocol",
    "dashboard.management.commands.run_jobs",
    "dashboard.running.unread_sockets",
    "dashboard.sockets.handshake",
    "dashboard.sockets.routing",
    "dashboard.urls",
    "django.core.asgi",
    "eventstore.management.commands.run_index",
    "OpenSSL.SSL",
    "service_identity",
    "twisted.internet.endpoints",
    "whitenoise.middleware",
)
"""Each starts no thread and no event loop. The client of a broker is none of them."""


def load_for_children() -> None:
    """Import, and keep the garbage collector from all that: it would write into each page that is shared."""
    gc.disable()
    for name in NEEDED:
        import_module(name)
    connections.close_all()
    of_process.close()  # making the demo's people has told others, if there is Redis
    gc.collect()
    gc.freeze()
