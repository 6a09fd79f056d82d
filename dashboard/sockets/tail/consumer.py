"""The tail's websocket: what the client says, whether it may watch, and how it ends. See docs/tail-for-scripts.md."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from dashboard import privacy
from dashboard.access import policy
from dashboard.access.scopes import NOTHING, Scope, scope_of
from dashboard.auditing.looks import SEARCH_MASKED
from dashboard.gateway import shared
from dashboard.models import ApiToken
from dashboard.sockets.connecting import record_connection
from dashboard.sockets.consuming import Consuming
from dashboard.sockets.handshake import JSON
from dashboard.sockets.open_sockets import OpenSockets, state_when_opened, watched_of
from dashboard.sockets.refusing import record_refusal
from dashboard.sockets.session import Account, current_account
from dashboard.sockets.short_texts import offer_to
from dashboard.sockets.tail.begin import Begin, InvalidBegin, decode_acknowledgement, decode_message, parse_begin
from dashboard.sockets.tail.closing import (
    BAD_REQUEST,
    BEGIN_AGAIN,
    INTERNAL_ERROR,
    NO_MARK,
    NOT_ALLOWED,
    STORE_UNREACHABLE,
    TOO_MANY,
    TOO_MANY_SOCKETS,
    WRONG_MARK,
    close_code,
)
from dashboard.sockets.tail.frames import Framing
from dashboard.sockets.tail.opening import as_seen_in, filter_of, has_new_topics, meant_by, open_subscriber, topics_of
from dashboard.sockets.tail.sender import FrameSender, problem_text
from dashboard.sockets.tail.threads import open_in_thread
from dashboard.sockets.tail.turns import wakes_of
from dashboard.sockets.texts_in_parts import connection_of, write
from dashboard.web import filter_form
from eventstore.model import EventStoreError, UnknownTopic
from eventstore.tail import TailSubscriber

log = logging.getLogger(__name__)

CHECK_RIGHTS_EVERY = CHECK_TOPICS_EVERY = 10.0
BEGINS_WITHIN = 60.0


class TailSocket(Consuming):
    """One client of one tail."""

    subscriber: TailSubscriber | None = None
    begin: Begin | None = None
    sender: FrameSender | None = None
    framing: Framing
    account: Account
    seen: Scope = NOTHING
    """What the account sees of the store. A tail whose account comes to see something else begins again."""
    ending = False
    connection: Any = None
    """The server's own, if it takes texts in parts."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.lock = threading.Lock()
        self.tasks: set[asyncio.Task[None]] = set()
        self.rights_changed = asyncio.Event()
        self.all_open = shared(OpenSockets)

    async def connect(self) -> None:
        account = await current_account(self.scope)
        if account is None or not policy.allows(account, "tail"):
            await record_refusal(account, "tail")
            await self.close()  # not accepted yet: the handshake gets a 403, and there is no close code
            return
        self.account, self.seen = account, await database_sync_to_async(scope_of)(account)
        await record_connection(account)
        for_scripts = JSON in self.scope["subprotocols"]
        self.framing = Framing(whole_events=for_scripts, profile=privacy.profile_of(account))
        await self.accept(subprotocol=JSON if for_scripts else None)
        if (connection := await connection_of(self.scope)) is not None:
            offer_to(connection, self._take_acknowledgement)
        self.connection = connection
        most = settings.EVENTDESK.limits.tails_per_person
        watched = watched_of(self.scope, account)
        if self.all_open.count(watched.account) >= most:
            kind = "token" if isinstance(account, ApiToken) else "person"
            await self._end(TOO_MANY_SOCKETS, TOO_MANY.format(most=most, kind=kind))
            return
        self.all_open.add(watched, self.rights_changed.set, state_when_opened(watched, account, self.seen))
        self._spawn(self._keep_checking_rights())
        self.expecting = self._spawn(self._expect_begin())

    async def disconnect(self, code: int) -> None:
        with self.lock:
            self.disconnected = True
            subscriber = self.subscriber
        self.all_open.discard(self.rights_changed.set)
        if self.connection is not None:
            offer_to(self.connection, None)
            self.connection = None
        for task in self.tasks:
            task.cancel()
        if subscriber is not None:
            subscriber.close()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.ending:
            return
        match decode_message(text_data):
            case {"ack": int(number), "mark": str(mark), **other} if not other and not isinstance(number, bool):
                if self.sender is None or not self.sender.acknowledge(number, mark):
                    await self._end(BAD_REQUEST, WRONG_MARK)
            case {"ack": int(number), **other} if not other and not isinstance(number, bool):
                await self._end(BAD_REQUEST, NO_MARK)
            case {"filter": str(text), **other} if not other and self.begin is not None and self.sender is not None:
                await self._change_filter(text, self.begin, self.sender)
            case {"begin": message, **other} if not other and self.begin is None:
                await self._begin(message)
            case _:
                await self._end(BAD_REQUEST, "Expected begin first, and ack or filter from then on, each as a JSON object.")

    # -- messages of the client

    def _take_acknowledgement(self, text: bytes) -> bool:
        """Take it, if that is what this is and it is right. Anything else goes to ``receive``, in its turn."""
        told = None if self.ending else decode_acknowledgement(text)
        return told is not None and self.sender is not None and self.sender.acknowledge(*told)

    async def _expect_begin(self) -> None:
        await asyncio.sleep(BEGINS_WITHIN)
        if self.begin is None:
            await self._end(BAD_REQUEST, f"Expected begin within {BEGINS_WITHIN:.0f} seconds.")

    async def _begin(self, message: object) -> None:
        try:
            told = parse_begin(message, self.scope["url_route"]["kwargs"].get("topic", ""))
            self.begin = meant_by(told, self.framing.profile)
        except InvalidBegin as error:
            await self._end(BAD_REQUEST, str(error))
            return
        entered = self._judged(self.begin.filter)
        if entered.problem and entered.status != HTTPStatus.FORBIDDEN:  # it may be allowed on the topics of this tail
            await self._end(BAD_REQUEST, entered.problem)
            return
        self.expecting.cancel()
        self.sender = FrameSender(self.framing, self._send_texts, self._spawn, sockets=self.all_open.__len__)
        self._spawn(self._run(self.begin, self.sender))

    async def _change_filter(self, text: str, begin: Begin, sender: FrameSender) -> None:
        """Use this filter from the next frame on. If it is invalid, keep the old one and report that with the next frame.

        Before the tail is open, its topics are not known: then the filter has to be allowed in any.
        """
        entered = await self._read_filter(text)
        if entered.problem:
            sender.refuse_filter(entered.problem)
        else:
            sender.request_filter((filter_of(begin, entered.filter, self.seen), entered.text))

    async def _read_filter(self, text: str) -> filter_form.EnteredFilter:
        entered = self._judged(text)
        if entered.status == HTTPStatus.FORBIDDEN:
            await record_refusal(self.account, SEARCH_MASKED.name)
        return entered

    def _judged(self, text: str) -> filter_form.EnteredFilter:
        """The filter, if it is allowed on the events of the tail's topics."""
        return filter_form.read_filter(
            text, self.framing.profile, in_address=not self.framing.whole_events, topics=self.framing.topics
        )

    # -- the tail

    async def _run(self, begin: Begin, sender: FrameSender) -> None:
        """Open the subscriber, and send its frames until the socket closes."""
        opened = False
        try:
            subscriber = await self._open_subscriber(begin, sender)
            opened = True
            if begin.aggregate is not None and not begin.topics:
                self._spawn(self._keep_checking_topics(begin))
            await sender.run(subscriber)
            await self._end(BEGIN_AGAIN)
        except (EventStoreError, InvalidBegin) as error:
            if isinstance(error, UnknownTopic) and not self.seen.limits_nothing:
                await record_refusal(self.account, "scope")  # whether or not there is such a topic
            await self._end(close_code(error, opened=opened), str(error))

    async def _open_subscriber(self, begin: Begin, sender: FrameSender) -> TailSubscriber:
        loop = asyncio.get_running_loop()
        wakes = wakes_of(loop)
        topics = await open_in_thread(partial(as_seen_in, self.seen, partial(topics_of, begin)))
        self.framing.topics = [topic.name for topic in topics]
        entered = await self._read_filter(begin.filter)
        if entered.problem:
            raise InvalidBegin(entered.problem)
        sender.begin_with((filter_of(begin, entered.filter, self.seen), entered.text))

        def wake() -> None:
            if not self.disconnected:
                wakes.pass_on(loop, sender.note_news)

        def open_it() -> TailSubscriber:
            subscriber = open_subscriber(begin, topics, sender.requested_filter[0], wake, complete=self.framing.whole_events)
            with self.lock:
                self.subscriber = subscriber
                disconnected = self.disconnected
            if disconnected:  # the client left while this thread was opening: nothing else would close the subscriber
                subscriber.close()
            return subscriber

        return await open_in_thread(partial(as_seen_in, self.seen, open_it))

    def _send_texts(self, texts: Sequence[bytes]) -> Awaitable[None] | None:
        """Returns ``None`` if they are written, and otherwise what is to be awaited until they are on their way."""
        if self.connection is None:
            return self.send(b"".join(texts).decode())
        with suppress(Disconnected):
            return None if write(self.connection, texts) else asyncio.sleep(0)
        return None

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: bool = False) -> None:
        try:
            await super().send(text_data=text_data, bytes_data=bytes_data, close=close)
        except Disconnected:
            return  # the client has just left; disconnect follows

    # -- the end

    async def _keep_checking_rights(self) -> None:
        """Ask the database if the person or token may still watch: at once when it changes there, and again and again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.all_open.ask_again_after(CHECK_RIGHTS_EVERY)):
                    await self.rights_changed.wait()
            self.rights_changed.clear()
            try:
                self.all_open.insist_on_answers()
                account = await current_account(self.scope)
                allowed = account is not None and policy.allows(account, "tail")
                scope = await database_sync_to_async(scope_of)(account) if account is not None and allowed else NOTHING
            except DatabaseError as error:
                log.warning("rights could not be checked, tail closed: %s", type(error).__name__)
                await self._end(STORE_UNREACHABLE)
                return
            if not allowed:
                await self._end(NOT_ALLOWED)
            elif scope != self.seen or (account and privacy.profile_of(account).level != self.framing.profile.level):
                await self._end(BEGIN_AGAIN)

    async def _keep_checking_topics(self, begin: Begin) -> None:
        """Begin again once an aggregate that is followed in all topics has events in a new one."""
        while True:
            await asyncio.sleep(CHECK_TOPICS_EVERY)
            try:
                look = partial(has_new_topics, begin, self.framing.topics)
                found_more = await open_in_thread(partial(as_seen_in, self.seen, look))
            except (EventStoreError, DatabaseError) as error:
                log.info("topics of a followed aggregate could not be checked: %s", type(error).__name__)
                continue
            if found_more:
                await self._end(BEGIN_AGAIN)

    async def _end(self, code: int, problem: str = "") -> None:
        if self.ending:
            return
        self.ending = True
        if self.sender is not None:
            self.sender.stopped = True
        if problem:
            await self.send(text_data=problem_text(problem))
        await self.close(code)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._or_close(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _or_close(self, work: Coroutine[Any, Any, object]) -> None:
        """Run the task. If it fails, close the socket."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the last resort
            await self.fail(error)

    async def close_after_fault(self) -> None:
        await self._end(INTERNAL_ERROR)
