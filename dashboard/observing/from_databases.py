"""What the databases tell of the installation: the same from each web process. The store itself is not asked.

A topic or subscription is a label, so their number is bounded; those that need attention come first. No partition is a label:
of a topic's partitions the one that is furthest behind counts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from django.db import DatabaseError
from django.db.models import Sum
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from dashboard.access import login_limit
from dashboard.auditing.sealing import seal_state
from dashboard.gateway import desk
from dashboard.letters.summary import counted_letters
from dashboard.models import Alert, AlertMessage, LoginAttempt, Refusal
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import Line
from eventstore.config import About
from eventstore.jobs import State
from eventstore.model import TopicProgress

MOST_TOPICS = 500
MOST_SUBSCRIPTIONS = 1_000
LATE = 60.0
"""Seconds behind from which a topic is told before the others, where not all can be."""
NEVER = -1.0
"""Seconds behind of what was never caught up."""
Rows = Iterable[tuple[Sequence[str], float]]
Sees = Callable[[str], bool]
"""Whether a topic may be told of to whoever asks."""


def everything(topic: str) -> bool:
    return True


def metrics(sees: Sees = everything) -> Iterator[Metric]:
    """All families. Of a part whose database does not answer nothing is told but that."""
    failed = []
    for name, part in (("index", _index), ("subscriptions", _subscriptions), ("jobs", _jobs), ("record", _record)):
        try:
            yield from list(part(sees))
        except DatabaseError:
            failed.append(name)
    rows = [([name], float(name in failed)) for name in ("index", "subscriptions", "jobs", "record")]
    yield _family("eventdesk_part_unavailable", "1 if a database did not tell this part of the metrics.", rows, ["part"])


def _family(name: str, help: str, rows: Rows, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(name, help, labels=list(labels))
    for values, number in rows:
        family.add_metric([_plain(value) for value in values], number)
    return family


def _plain(name: str) -> str:
    """A broker's names may hold any sign, and a NUL ends the text for Prometheus. Escaped, no two become one."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def _one(name: str, help: str, number: float) -> Metric:
    return _family(name, help, [((), number)])


def _index(sees: Sees) -> Iterator[Metric]:
    _, all_topics = desk().index.progress()
    watched = [topic for topic in all_topics if topic.gone_at is None and sees(topic.topic)]
    now = datetime.now(UTC)
    behind = {topic.topic: _behind(topic, now) for topic in watched}
    yield _one("eventdesk_indexers", "Index processes that run.", desk().index.running_indexers())
    yield _one("eventdesk_index_topics", "Watched topics in the index.", len(watched))
    yield _one("eventdesk_index_events", "Events in the index, of watched topics.", sum(t.progress.indexed for t in watched))
    late = list(behind.values())
    whole = NEVER if NEVER in late else max(late, default=NEVER)
    help = "Since all watched topics were indexed; -1 if one never was, or there is none."
    yield _one("eventdesk_index_behind_seconds", help, whole)
    late_first = sorted(watched, key=lambda one: (NEVER < behind[one.topic] < LATE, one.topic))
    told = late_first[:MOST_TOPICS]
    rows = [([topic.topic], behind[topic.topic]) for topic in told]
    yield _family("eventdesk_topic_behind_seconds", "Since the topic was indexed; -1 if it never was.", rows, ["topic"])
    waiting = [([one.topic], float(one.progress.behind)) for one in told if one.progress.behind is not None]
    help = "Events of the topic that wait to be indexed, as the indexers counted or estimated."
    yield _family("eventdesk_topic_waiting_events", help, waiting, ["topic"])
    yield _one(
        "eventdesk_topics_left_out", "Topics without series of their own, as there are too many.", len(watched) - len(told)
    )
    failing = sum(sees(one.topic) for one in desk().index.troubled())
    yield _one("eventdesk_index_failing_partitions", "Partitions in which the indexer fails again and again.", failing)


def _behind(topic: TopicProgress, now: datetime) -> float:
    at = topic.progress.caught_up_at
    return NEVER if at is None else max(0.0, (now - at).total_seconds())


def _subscriptions(sees: Sees) -> Iterator[Metric]:
    snapshot = backlog_cache.as_stored()
    lines = [line for line in snapshot.services_first if sees(line.topic.name)] if snapshot else []
    lines = [line for line in lines if not line.of_the_store]
    told = sorted(lines, key=lambda line: (not line.needs_attention, line.topic.name, line.subscription.name))
    told = told[:MOST_SUBSCRIPTIONS]
    age = (datetime.now(UTC) - snapshot.as_of).total_seconds() if snapshot else NEVER
    yield _one("eventdesk_backlogs_age_seconds", "Since the store was asked for all backlogs; -1 if it never was.", age)
    yield _one("eventdesk_subscriptions", "Subscriptions of services.", len(lines))
    yield _one("eventdesk_subscriptions_stuck", "Of these, those that need attention.", sum(o.needs_attention for o in lines))
    yield _one("eventdesk_subscriptions_left_out", "Subscriptions without series of their own.", len(lines) - len(told))
    by = ["topic", "subscription"]
    yield _family(
        "eventdesk_backlog_events",
        "What waits in the subscription: events, or the broker's entries where events cannot be counted.",
        _each(told, lambda line: line.backlog.waiting),
        by,
    )
    yield _family(
        "eventdesk_stuck_events",
        "The same of a subscription that is stuck; 0 while it moves.",
        _each(told, lambda line: line.backlog.waiting if line.needs_attention else 0),
        by,
    )
    yield _family("eventdesk_stuck_seconds", "Since it is stuck; 0 while it moves.", _each(told, _stuck_seconds), by)
    yield _family("eventdesk_backlog_oldest_seconds", "How long its first event waits; 0 if none.", _each(told, _oldest), by)
    letters = [(letters, topic.topic) for letters, topic in counted_letters(lines) if sees(topic.topic)]
    rows = [([topic], float(count)) for count, topic in sorted(letters, key=lambda one: (not one[0], one[1]))[:MOST_TOPICS]]
    help = "Dead letters that wait in the topic; all that it ever held where no subscription tells."
    yield _family("eventdesk_dead_letters", help, rows, ["topic"])


def _each(lines: Sequence[Line], figure: Callable[[Line], float]) -> Rows:
    return [((line.topic.name, line.subscription.name), float(figure(line))) for line in lines]


def _stuck_seconds(line: Line) -> float:
    since = line.backlog.stuck_since if line.stuck else None
    return max(0.0, (line.backlog.as_of - since).total_seconds()) if since else 0.0


def _oldest(line: Line) -> float:
    since = line.backlog.oldest
    return max(0.0, (line.backlog.as_of - since).total_seconds()) if since else 0.0


def _jobs(sees: Sees) -> Iterator[Metric]:
    if sees is everything:  # a job may act on several topics, and counts tell of all
        counts = desk().jobs.counts()
        rows = [([state.value], float(counts.get(state, 0))) for state in State]
        yield _family("eventdesk_jobs", "Jobs by state; those that have ended are all that ever did.", rows, ["state"])
    yield _one("eventdesk_job_workers", "Job processes that run.", desk().jobs.workers())


def _record(sees: Sees) -> Iterator[Metric]:
    now = datetime.now(UTC)
    failures = LoginAttempt.objects.filter(at__gt=now - login_limit.WINDOW, key__regex="^(name|unknown|code):").count()
    yield _one("eventdesk_login_failures", "Wrong passwords and codes within the last 15 minutes.", failures)
    counted = Refusal.objects.filter(until__gt=now)
    refusals = counted.count() + (counted.aggregate(more=Sum("more"))["more"] or 0)
    yield _one("eventdesk_refusals", "Refusals that are counted now: each counts for ten minutes from its first.", refusals)
    alerts = Alert.objects.exclude(told=None).values_list("kind", "topic")
    told = Counter(kind for kind, topic in alerts if not topic or sees(topic))
    rows = [([about.value], float(told[about.value])) for about in About]
    yield _family("eventdesk_alerts", "Alerts that were told and are not over.", rows, ["about"])
    waiting = AlertMessage.objects.filter(ended=None).count()
    yield _one("eventdesk_alert_messages_waiting", "Messages about alerts that are not sent yet.", waiting)
    seals = seal_state(newest=1)
    if seals.configured:
        age = (now - seals.last.time).total_seconds() if seals.last else NEVER
        yield _one("eventdesk_seal_age_seconds", "Since the last seal of the audit record; -1 if there is none.", age)
        late = float(seals.late or bool(seals.problem))
        yield _one("eventdesk_seal_missing", "1 if the last seal is late, or the seals cannot be read.", late)
