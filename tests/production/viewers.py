"""Viewers of a tail, many in one thread: each comes back by itself as the page's script does (``tail-socket.js``)."""

import asyncio
import json
import random
import re
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

SILENCE, SILENCE_AT_FIRST = 15.0, 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.6, 5.0
BEGIN_AGAIN = 4012
FINAL = frozenset({4400, 4403, 4404, 4429, 4502})
ROW = re.compile(r'data-event-id="([^"]+)"')


class Viewer:
    """A page (with a cookie) or a script (with a token). ``seen`` are the ids of its events; ``doubled``, those that came
    twice; ``skipped``, how many it was told that it does not get; ``ended``, why it does not come back, if so."""

    def __init__(self, address: str, headers: dict[str, str], *, script: bool, trust: ssl.SSLContext, origin: str) -> None:
        self.script = script
        self._options: dict[str, Any] = {"additional_headers": headers, "ssl": trust, "max_size": None, "open_timeout": 60}
        self._options |= {"subprotocols": ["eventdesk.json"]} if script else {"origin": origin}
        self._address = address
        self.seen: set[str] = set()
        self.doubled: list[str] = []
        self.skipped = 0
        self.comings = 0
        self.watching = False
        self.ended = ""
        self.refused: list[int] = []
        self._places: dict[str, str] = {}

    def __repr__(self) -> str:
        state = f"{self.skipped} skipped, watching {self.watching}, came {self.comings} times, refused {self.refused[-5:]}"
        return f"<{'script' if self.script else 'page'}: {len(self.seen)} seen, {state}, {self.ended or 'not ended'}>"

    async def watch(self) -> None:
        pause = SHORTEST_PAUSE
        while not self.ended:
            code = 0
            try:
                await self._once()
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 0
            except InvalidStatus as refused:  # also where a busy process took too long: the page's script tries again
                self.refused.append(refused.response.status_code)
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, EOFError):
                pass  # nobody there at the moment
            pause = SHORTEST_PAUSE if self.watching else min(pause * 2, LONGEST_PAUSE)
            self.watching = False
            if code in FINAL:
                self.ended = f"closed with {code}"
            await asyncio.sleep(0.05 if code == BEGIN_AGAIN else pause * (1 + random.random()) / 2)

    async def _once(self) -> None:
        async with connect(self._address, **self._options) as socket:
            begin = {"places": self._places} if self._places else "now"
            await socket.send(json.dumps({"begin": {"from": begin}}))
            self.comings += 1
            before = self.skipped
            while True:
                said = json.loads(await asyncio.wait_for(socket.recv(), SILENCE if self.watching else SILENCE_AT_FIRST))
                if "problem" in said:
                    continue
                self._take(said, before)
                self.watching = True
                await socket.send(json.dumps({"ack": said["frame"], "mark": said["mark"]}))

    def _take(self, frame: dict[str, Any], before: int) -> None:
        ids = [event["id"] for event in frame["events"]] if self.script else ROW.findall(frame["rows"])
        self.doubled += [id for id in ids if id in self.seen]
        self.seen.update(ids)
        self._places |= frame["places"]
        self.skipped = before + sum(number or 0 for number in frame["counts"]["skipped"].values())


class Viewers:
    """All of them, in a thread with an event loop, until the block ends."""

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self.all = viewers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="viewers")
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> "Viewers":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(60)

    def count(self, true: Callable[[Viewer], bool]) -> int:
        return sum(map(true, self.all))

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _run(self) -> None:
        async def all_watch() -> None:
            self._tasks = [asyncio.create_task(viewer.watch()) for viewer in self.all]
            await asyncio.gather(*self._tasks, return_exceptions=True)

        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(all_watch())
        self._loop.close()
