"""A client of the tail's websocket, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dashboard.rendering.url_segments import segment
from tests.desk_process import Desk

T = TypeVar("T")
PATIENCE = 30.0
Frame = dict[str, Any]


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        return await work()

    return asyncio.run(whole())


def address(desk: Desk, topic: str = "") -> str:
    """Return the websocket of this topic's tail. Without a topic, it serves the topics named in ``begin``."""
    return desk.url.replace("http:", "ws:") + (f"topics/{segment(topic)}/" if topic else "") + "tail/live/"


def socket(
    desk: Desk,
    topic: str = "",
    *,
    cookie: str = "",
    token: str = "",
    origin: str | None = None,
    for_scripts: bool | None = None,
) -> connect:
    """Open a browser's socket with a cookie, or a script's with a token.

    By default a browser sends the desk's own Origin, and a script sends none (nor does a browser with an empty
    ``origin``) but uses the subprotocol for scripts.
    """
    headers = {"Cookie": cookie} if cookie else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    own = desk.url.rstrip("/") if cookie and origin is None else origin
    subprotocol = bool(token) if for_scripts is None else for_scripts
    return connect(
        address(desk, topic),
        additional_headers=headers,
        origin=own or None,  # type: ignore[arg-type]
        subprotocols=["eventdesk.json"] if subprotocol else None,  # type: ignore[list-item]
        max_size=None,
    )


class Follower:
    """An open socket that has begun. ``frames`` are those that it got. Each is acknowledged as it comes."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []
        self.problems: list[str] = []

    async def say(self, **said: Any) -> None:
        await self.connection.send(json.dumps(said))

    async def hear(self, *, acknowledge: bool = True) -> Frame | None:
        """Receive the next message and return it if it is a frame. A problem is recorded."""
        said: Frame = json.loads(await asyncio.wait_for(self.connection.recv(), PATIENCE))
        if "problem" in said:
            self.problems.append(said["problem"])
            return None
        self.frames.append(said)
        if acknowledge:
            await self.say(ack=said["frame"], mark=said["mark"])
        return said

    async def next(self, *, acknowledge: bool = True) -> Frame:
        while (frame := await self.hear(acknowledge=acknowledge)) is None:
            pass
        return frame

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self.hear()

    async def until_count(self, count: int) -> None:
        await self.until(lambda: self.count >= count)

    @property
    def count(self) -> int:
        return sum(frame["count"] for frame in self.frames)

    @property
    def ids(self) -> list[str]:
        """The ids of all events that came, in order."""
        return [event["id"] for frame in self.frames for event in frame.get("events", [])]

    @property
    def rows(self) -> str:
        return "".join(frame["rows"] for frame in self.frames)

    @property
    def places(self) -> dict[str, str]:
        """The places with which a client comes back."""
        merged: dict[str, str] = {}
        for frame in self.frames:
            merged |= frame["places"]
        return merged

    async def close_code(self) -> int | None:
        """Go on until the other side closes, and return its code."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


@asynccontextmanager
async def following(opened: connect, **begin: Any) -> AsyncIterator[Follower]:
    """A follower that has begun this way and has its first frame."""
    async with opened as connection:
        follower = Follower(connection)
        await follower.say(begin=begin)
        await follower.next()
        yield follower


def refused(opened: Callable[[], connect]) -> bool:
    """Return whether the handshake itself is refused."""

    async def work() -> bool:
        try:
            async with opened():
                return False
        except InvalidStatus as status:
            return status.response.status_code == 403

    return run(work)


def closed_after(opened: connect, *said: str | bytes) -> tuple[int | None, list[str]]:
    """Send all these messages, and return the code with which the socket is closed and the problems that were reported."""

    async def work() -> tuple[int | None, list[str]]:
        async with opened as connection:
            follower = Follower(connection)
            for text in said:
                await connection.send(text)
            return await follower.close_code(), follower.problems

    return run(work)
