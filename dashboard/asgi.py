"""The application that daphne serves: pages, and the tail's websocket behind a login with an origin check or an API token."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
pages = get_asgi_application()

# Imported here, because they need Django to be set up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from dashboard.gateway import shared  # noqa: E402
from dashboard.hints import changes  # noqa: E402
from dashboard.running import memory  # noqa: E402
from dashboard.running.asgi_layers import (  # noqa: E402
    counting_refusals,
    giving_memory_back,
    without_needless_bodies,
    without_root_path,
)
from dashboard.running.long_lines import answer_long_lines  # noqa: E402
from dashboard.running.request_limits import limit_requests  # noqa: E402
from dashboard.running.unread_sockets import close_unread_sockets  # noqa: E402
from dashboard.setup.system_checks import require_serving_settings  # noqa: E402
from dashboard.sockets.handshake import with_origin_or_token  # noqa: E402
from dashboard.sockets.open_sockets import OpenSockets  # noqa: E402
from dashboard.sockets.routing import no_such_socket, urlpatterns  # noqa: E402
from dashboard.sockets.short_texts import take_short_texts  # noqa: E402
from dashboard.sockets.texts_in_parts import taking_texts_in_parts  # noqa: E402

require_serving_settings()
answer_long_lines()
limit_requests()
close_unread_sockets()
take_short_texts()
sockets = taking_texts_in_parts(counting_refusals(with_origin_or_token(URLRouter([*urlpatterns, no_such_socket]))))
application = giving_memory_back(
    without_root_path(ProtocolTypeRouter({"http": without_needless_bodies(pages), "websocket": sockets}))
)
memory.giving_back.sockets = lambda: len(shared(OpenSockets))
memory.freeze_loaded_objects()
changes.listen()
