"""The websocket addresses and their consumers."""

from django.urls import path

import dashboard.rendering.url_segments  # noqa: F401  (registers the converter)
from dashboard.sockets.tail.consumer import TailSocket

urlpatterns = [
    path("topics/<segment:topic>/tail/live/", TailSocket.as_asgi(), name="tail_live"),
    path("tail/live/", TailSocket.as_asgi(), name="tails_live"),
]
