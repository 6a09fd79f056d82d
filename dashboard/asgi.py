"""The application that daphne serves: pages, and the tail's websocket behind a login with an origin check or an API token."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
pages = get_asgi_application()

# Imported here, because they need Django to be set up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from dashboard.running import memory  # noqa: E402
from dashboard.setup.system_checks import require_serving_settings  # noqa: E402
from dashboard.sockets.handshake import with_origin_or_token  # noqa: E402
from dashboard.sockets.routing import urlpatterns  # noqa: E402

require_serving_settings()
application = ProtocolTypeRouter({"http": pages, "websocket": with_origin_or_token(URLRouter(urlpatterns))})
memory.freeze_loaded_objects()
