"""The tail's websocket: frames of ready rows, acknowledged by the page.

The page begins with ``{"places": {"0": "<token>", …}}`` (the last event it has of each partition) and answers every frame with
``{"ack": <number>}``. Frames go out at most ten times a second; with three unacknowledged nothing more is sent until the page
has caught up, since daphne's ``send`` gives no back-pressure. A frame: ``rows`` (HTML, oldest first), ``count``, ``published``
(all events since the socket opened), ``skipped``, ``more_missed``, ``places`` (to come back with), ``state``.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from dashboard import access, masking, showing, wiring
from dashboard.sockets.session import person_now
from eventstore import EventStoreError, InvalidPosition, NotAllowed, Row, StoreUnreachable, UnknownTopic, Viewer

log = logging.getLogger(__name__)

FRAME_EVERY = 0.1
MOST_UNACKNOWLEDGED = 3
ROWS_A_FRAME = 100
STATUS_EVERY = 5.0
CHECK_RIGHTS_EVERY = 10.0

BEGIN_AGAIN = 4012
"""The tail under this socket has stopped, for instance since the topic has more partitions now."""
NOT_LOGGED_IN, NOT_ALLOWED, NO_SUCH_TOPIC, BAD_REQUEST, STORE_AWAY = 4401, 4403, 4404, 4400, 4503


class TailSocket(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """One viewer of one topic."""

    viewer: Viewer | None = None
    pump: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        self.acknowledged = self.sent = self.published = self.skipped = 0
        self.places: dict[str, str] = {}
        self.news = asyncio.Event()
        self.gone = False
        self.door = threading.Lock()
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_LOGGED_IN)
        elif not await self._still_allowed():
            await self.close(NOT_ALLOWED)
        else:
            await self.accept()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        match content:
            case {"ack": int(number)} if not isinstance(number, bool):
                self.acknowledged = min(self.sent, max(self.acknowledged, number))
                self.news.set()
            case {"places": dict(places)} if self.pump is None and _are_places(places):
                self.places = dict(places)
                self.pump = asyncio.create_task(self._run())
            case _:
                await self.close(BAD_REQUEST)

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        """What the page sent; ``None``, which ``receive_json`` refuses, where it is no JSON or far too much of it."""
        if len(text_data) > 200_000:
            return None
        try:
            return await super().decode_json(text_data)
        except (ValueError, RecursionError):
            return None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        if text_data is None:
            await self.close(BAD_REQUEST)
        else:
            await super().receive(text_data=text_data, **kwargs)

    async def disconnect(self, code: int) -> None:
        with self.door:
            self.gone = True
            viewer = self.viewer
        if self.pump is not None:
            self.pump.cancel()
        if viewer is not None:
            viewer.close()

    async def _run(self) -> None:
        """Open the viewer and feed it until the socket closes."""
        try:
            await self._open_viewer()
            await self._feed()
        except UnknownTopic:
            await self.close(NO_SUCH_TOPIC)
        except InvalidPosition:
            await self.close(BAD_REQUEST)
        except NotAllowed:
            await self.close(NOT_ALLOWED)
        except StoreUnreachable:
            await self.close(STORE_AWAY)
        except EventStoreError as error:
            log.warning("tail closed: %s", type(error).__name__)
            await self.close(STORE_AWAY)

    async def _open_viewer(self) -> None:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self.news.set)

        def open_viewer() -> None:
            gateway = wiring.gateway()
            topic = gateway.storage.topic(self.scope["url_route"]["kwargs"]["topic"])
            places = {int(partition): token for partition, token in self.places.items()}
            viewer = wiring.hub().open(topic, places, wake)
            with self.door:
                self.viewer = viewer
                gone = self.gone
            if gone:  # the page left while this thread was opening: nobody else would close it
                viewer.close()

        await database_sync_to_async(open_viewer, thread_sensitive=False)()

    async def _feed(self) -> None:
        assert self.viewer is not None
        person = masking.viewer_of(self.scope["user"])
        checked = status_sent = time.monotonic()
        while True:
            if self.viewer.ended and not self.viewer.waiting:
                await self.close(BEGIN_AGAIN)
                return
            now = time.monotonic()
            if now - checked > CHECK_RIGHTS_EVERY:
                if not await self._still_allowed():
                    raise NotAllowed("The right to watch was taken away.")
                person, checked = masking.viewer_of(self.scope["user"]), now
            due = now - status_sent > STATUS_EVERY or self.sent == 0
            if self.sent - self.acknowledged < MOST_UNACKNOWLEDGED and (self.viewer.waiting or self.news.is_set() or due):
                self.news.clear()
                await self._send_frame(person)
                status_sent = now
            await self._pause()

    async def _pause(self) -> None:
        """At least a frame's time; longer while there is nothing to do."""
        await asyncio.sleep(FRAME_EVERY)
        if self.viewer is not None and self.viewer.waiting and self.sent - self.acknowledged < MOST_UNACKNOWLEDGED:
            return
        try:
            await asyncio.wait_for(self.news.wait(), timeout=1.0)
        except TimeoutError:
            return

    async def _send_frame(self, person: masking.Viewer) -> None:
        assert self.viewer is not None
        batch = self.viewer.take(ROWS_A_FRAME)
        rows = await sync_to_async(_render, thread_sensitive=False)(batch.entries, person) if batch.entries else ""
        for entry in batch.entries:
            self.places[str(entry.event.position.partition)] = entry.event.position.token
        self.published += len(batch.entries) + batch.skipped
        self.skipped += batch.skipped
        self.sent += 1
        await self.send_json(
            {
                "frame": self.sent,
                "rows": rows,
                "count": len(batch.entries),
                "published": self.published,
                "skipped": self.skipped,
                "more_missed": batch.more_missed,
                "places": self.places,
                "state": "away" if batch.away else "live",
            }
        )

    async def _still_allowed(self) -> bool:
        """Whether the person may watch now, asked of the database: roles are taken away and sessions end."""
        person = await person_now(self.scope)
        if person is None or not access.allows(person, "tail"):
            return False
        self.scope["user"] = person
        return True


def _render(entries: Sequence[Any], person: masking.Viewer) -> str:
    """The entries' rows, each made once for a masking profile and kept beside the event."""
    rows: list[str] = []
    for entry in entries:
        if person.profile not in entry.rendered:
            line = showing.event_line(Row(position=entry.event.position, event=entry.event), person)
            entry.rendered[person.profile] = showing.render_line(line)
        rows.append(entry.rendered[person.profile])
    return "".join(rows)


def _are_places(places: dict[Any, Any]) -> bool:
    return len(places) <= 10_000 and all(
        isinstance(partition, str)
        and partition.isascii()
        and partition.isdigit()
        and len(partition) < 6
        and isinstance(token, str)
        for partition, token in places.items()
    )
