"""Asking the store about all subscriptions: side by side, a bounded number of calls at a time, under one lease.

What has come is counted as soon as a part of the topics is there.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, replace

from django.utils import timezone

from eventstore.backlogs import lease as leases
from eventstore.backlogs.current import TopicBacklogs, Watched
from eventstore.backlogs.history import milliseconds, rank
from eventstore.backlogs.lease import Lease
from eventstore.backlogs.pace import next_steps, pace_of
from eventstore.backlogs.writing import Found, KeptLook
from eventstore.giving_way import give_way
from eventstore.model.errors import EventStoreError, StoreUnreachable, UnknownTopic
from eventstore.model.events import Topic
from eventstore.model.log import Log
from eventstore.model.subscriptions import Subscription
from eventstore.subscriptions import Backlog
from eventstore.subscriptions.face import SubscriptionFace

TOPICS_A_PIECE = 25
RENEW_SECONDS = 3.0
HEARD_SECONDS = 0.2
"""While the store is slow: how often to see whether this is to stop."""

IsStopped = Callable[[], bool]
Answer = Sequence[Subscription] | str
"""A topic's subscriptions, or why the store does not tell them."""


class Stopped(Exception):
    """The process is to end: the answers that are still to come are left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    topic: Topic
    answer: Answer


Answers = Generator[Asked | None, None, None]


def found_in(
    log: Log,
    subscriptions: SubscriptionFace,
    lease: Lease,
    known: Sequence[TopicBacklogs],
    is_stopped: IsStopped,
) -> Iterator[Found]:
    """Ask about all topics, and yield what comes, piece by piece. ``known``: what was stored before.

    Raises ``StoreUnreachable``, ``LeaseLost`` if another process has taken over, ``Stopped``, or the error with which the
    store refuses the list of topics.
    """
    topics = log.topics() if subscriptions.supported else []
    before = {one.topic.name: one for one in known}
    for asked in _in_pieces(_answers(log, subscriptions, topics, lease, is_stopped)):
        give_way()
        yield _counted(subscriptions, asked, before)


def _answers(
    log: Log, subscriptions: SubscriptionFace, topics: Sequence[Topic], lease: Lease, is_stopped: IsStopped
) -> Iterator[Asked]:
    """Yield each topic's answer as it comes, except for those that were deleted since they were listed."""
    parallel = min(log.capabilities.parallel_reads, len(topics))
    asking = _side_by_side(subscriptions, topics, parallel, is_stopped) if parallel > 1 else _one_by_one(subscriptions, topics)
    renewed = time.monotonic()
    with closing(asking) as answers:
        for asked in answers:
            if is_stopped():
                raise Stopped
            if time.monotonic() - renewed > RENEW_SECONDS:
                leases.renew(lease)
                renewed = time.monotonic()
            if asked is not None:
                yield asked


def _one_by_one(subscriptions: SubscriptionFace, topics: Sequence[Topic]) -> Answers:
    for topic in topics:
        yield _ask(subscriptions, topic)


def _side_by_side(subscriptions: SubscriptionFace, topics: Sequence[Topic], parallel: int, is_stopped: IsStopped) -> Answers:
    """Also yields ``None`` while no answer comes, so that the caller is never kept for long. Each topic takes two calls, one
    after the other."""
    pool = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="backlogs")
    try:
        left: set[Future[Asked | None]] = {pool.submit(copy_context().run, _ask, subscriptions, topic) for topic in topics}
        while left:
            done, left = wait(left, timeout=HEARD_SECONDS, return_when=FIRST_COMPLETED)
            yield from [each.result() for each in done] or [None]
    finally:
        pool.shutdown(wait=not is_stopped(), cancel_futures=True)


def _ask(subscriptions: SubscriptionFace, topic: Topic) -> Asked | None:
    give_way()
    try:
        return Asked(topic=topic, answer=subscriptions.of_topic(topic.name))
    except StoreUnreachable:
        raise
    except UnknownTopic:
        return None
    except EventStoreError as error:
        return Asked(topic=topic, answer=str(error))


def _in_pieces(answers: Iterator[Asked]) -> Iterator[Sequence[Asked]]:
    piece: list[Asked] = []
    for asked in answers:
        piece.append(asked)
        if len(piece) == TOPICS_A_PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _counted(subscriptions: SubscriptionFace, asked: Sequence[Asked], before: Mapping[str, TopicBacklogs]) -> Found:
    """Count what waits, and go on with what was seen before. A topic that the store refuses keeps its last figures."""
    told = [(one.topic, one.answer) for one in asked if not isinstance(one.answer, str)]
    found = subscriptions.counted([each for _, answer in told for each in answer]) if told else ()
    as_of = found[0].as_of if found else timezone.now()
    counted = iter(found)
    looks: list[KeptLook] = []
    topics: list[TopicBacklogs] = []
    for topic, answer in told:
        earlier = {one.backlog.subscription.name: one for one in _before(before, topic.name)}
        backlogs = [next(counted) for _ in answer]
        watched = [_watched(backlog, earlier.get(backlog.subscription.name), looks) for backlog in backlogs]
        topics.append(TopicBacklogs(topic=topic, subscriptions=watched, as_of=as_of))
    refused = [
        replace(before.get(one.topic.name) or _never_seen(one.topic), unavailable=one.answer)
        for one in asked
        if isinstance(one.answer, str)
    ]
    return Found(topics=topics, refused=refused, looks=looks, as_of=as_of)


def _never_seen(topic: Topic) -> TopicBacklogs:
    return TopicBacklogs(topic=topic, subscriptions=[], as_of=None)


def _before(before: Mapping[str, TopicBacklogs], topic: str) -> Sequence[Watched]:
    return before[topic].subscriptions if topic in before else ()


def _watched(backlog: Backlog, before: Watched | None, looks: list[KeptLook]) -> Watched:
    """Go on with what was seen before, and add to ``looks`` if this one is to be kept."""
    at, kept = milliseconds(backlog.as_of), before.kept if before else 0
    number = rank(at, kept)
    if number is not None and not backlog.subscription.kind.of_the_store:
        looks.append((backlog, number))
        kept = at
    steps = next_steps(backlog, before.steps if before else ())
    return Watched(backlog=backlog, steps=steps, pace=pace_of(backlog, steps), kept=kept)
