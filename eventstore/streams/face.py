"""The desk's face for events as pages show them: a topic's pages, an aggregate's stream, one event, and its copies."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import DatabaseError, connections

from eventstore.index.lookup import queries
from eventstore.index.lookup.labels import labelled, with_label
from eventstore.model.errors import StoreRefused, StoreUnreachable, UnknownEvent
from eventstore.model.events import Event, Message, Page, Position, Topic, TopicKind
from eventstore.model.log import Log
from eventstore.model.merge import merge
from eventstore.model.pointers import Pointer
from eventstore.search import Filter
from eventstore.streams import copies
from eventstore.streams.filtered import FilteredStream, filtered
from eventstore.streams.payload_cache import PayloadCache
from eventstore.streams.rows import Missing, Row, Rows
from eventstore.streams.topic_pages import page_token_since, topic_page


class StreamFace:
    """``desk.streams``. Lists come in pages, newest first: a page's ``newer`` and ``older`` are page tokens.

    Thread-safe. ``InvalidPosition`` where a page token is damaged.
    """

    def __init__(self, *, log: Log, read: Callable[[Message], Event], cache: PayloadCache) -> None:
        self._log, self._read = log, read
        self._rows = Rows(log=log, read=read, cache=cache)
        self.rows_of = self._rows.of

    # -- topics

    def topic(self, name: str) -> Topic:
        """The topic of this name or short name; as the index knows it where the store is away."""
        try:
            return self._log.topic(name)
        except StoreUnreachable:
            known = queries.topic_named(name)
            if known is None:
                raise
            return Topic(name=known.topic, partitions=known.partitions, kind=TopicKind(known.kind))

    def topic_page(self, topic: Topic, *, page_token: str | None = None, limit: int = 50) -> Page[Row]:
        """A page of a topic's events, merged over its partitions by publish time."""
        page = topic_page(self._log, topic, page_token, limit)
        pointers = queries.at_each([message.position for message in page.items])
        rows = [Row(position=m.position, event=self._read(m), pointer=pointers.get(m.position)) for m in page.items]
        return Page(items=rows, newer=page.newer, older=page.older)

    def page_token_since(self, topic: Topic, when: datetime) -> str:
        """The token of the topic's page that begins with the first events published at or after ``when``."""
        return page_token_since(self._log, topic, when)

    def latest_known(self, topic: Topic, limit: int = 50) -> Sequence[Row]:
        """The topic's last events as the index knows them, for a page while the store is away."""
        return [self._rows.row(pointer) for pointer in queries.latest_pointers(topic.name, limit)]

    # -- aggregates

    def stream(
        self, type: str, id: str, *, page_token: str | None = None, limit: int = 50, payloads: bool = True
    ) -> Page[Row]:
        """A page of an aggregate's events, its streams merged by time. Without payloads where the store is away, or where
        ``payloads`` is false."""
        page = merge(queries.stream_sources(type, id), page_token, limit)
        rows = self._rows.of(page.items) if payloads else [self._rows.row(pointer) for pointer in page.items]
        return Page(items=rows, newer=page.newer, older=page.older)

    def filtered_stream(
        self, type: str, id: str, filter: Filter, *, page_token: str | None = None, limit: int = 50
    ) -> FilteredStream[Row]:
        """The aggregate's events that match, newest first: from a bounded piece of its streams, and where to go on."""

        def fetch(pointers: Sequence[Pointer]) -> list[tuple[Row, Event | None]]:
            return [(row, row.event) for row in self._rows.of(pointers)]

        return filtered(queries.stream_sources(type, id), filter, fetch, page_token=page_token, limit=limit)

    # -- one event

    def row_at(self, position: Position) -> Row:
        """The event at a position, with its pointer; ``UnknownEvent`` where neither store nor index has it."""
        position = with_label(self._log, position)
        pointer = queries.at(position)
        past = None if pointer else queries.at_in_the_past(position)
        try:
            message = self._rows.message_at(position, pointer)
        except (StoreUnreachable, StoreRefused) as error:
            if past is not None:
                return self._rows.row(past, missing=Missing.ANEW)
            if pointer is None:
                raise
            refused = isinstance(error, StoreRefused)
            return self._rows.row(pointer, missing=Missing.REFUSED if refused else Missing.AWAY)
        if pointer is not None:
            return self._rows.row(pointer, message, missing=Missing.TRIMMED)
        if message is None and past is not None:
            return self._rows.row(past, missing=Missing.ANEW)
        if message is None:
            raise UnknownEvent("There is no event at this position, or retention has trimmed it.")
        return Row(position=position, event=self._read(message))

    def row_of(self, event: Event) -> Row:
        """The event with what the index knows of it: nothing where the index's database does not answer.

        For searches that read a topic. They need the index for nothing else, so they go on without it.
        """
        try:
            pointer = queries.at_each([event.position]).get(event.position)
        except DatabaseError:
            connections["index"].close()  # a broken one would not come back by itself
            pointer = None
        return Row(position=event.position, event=event, pointer=pointer)

    # -- copies

    def copies_of(self, pointer: Pointer) -> Sequence[Pointer]:
        """The copies of this event in derived topics that name it as their original, oldest first."""
        return [labelled(self._log, copy) for copy in copies.copies_of(self._log, pointer)]

    def originals_of(self, copy: Pointer) -> Sequence[Pointer]:
        """What this copy in a derived topic is a copy of, as far as that is indexed."""
        return [labelled(self._log, pointer) for pointer in copies.originals_of(self._log, copy)]
