"""What is to be told: what has begun, what has grown, and what is over, each once.

What lasts shorter than ``alerts.after_seconds`` is never told, and what is gone for shorter than that is not over: what comes
and goes makes no flood. All that is to be told at one time is one message, and there is at most one a minute.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from dashboard.auditing.entries import storable
from dashboard.models import Alert, AlertMessage
from dashboard.observing.alerts.channels import channels
from dashboard.observing.alerts.conditions import Condition, Seen
from dashboard.observing.alerts.messages import ToTell, body_of
from dashboard.observing.alerts.sending import LONGEST_PAUSE

APART = timedelta(minutes=1)
"""Between two messages at least."""
GROWS_AGAIN = timedelta(hours=1)
"""After which more letters in the same topic are told again."""


def note(seen: Seen, now: datetime) -> ToTell:
    """Keep what was seen, and what is to be told of it with its messages, in one transaction: all of it, or nothing.

    What nobody can tell now stays as it is. What is not asked for any more is dropped, and not told as over.
    """
    by_key = {one.key: one for one in seen.wrong}
    with transaction.atomic(durable=True):
        _bring_back(now)
        Alert.objects.exclude(kind__in=settings.EVENTDESK.alerts.about).delete()
        kept = {row.key: row for row in Alert.objects.filter(kind__in=seen.kinds)}
        _keep(by_key, kept, now)
        told = _to_tell(by_key, seen, now) if _may_tell(now) else ToTell()
        if told:
            body = body_of(told, now)
            AlertMessage.objects.bulk_create(
                [AlertMessage(channel=channel, body=body, made=now, next_try=now) for channel in channels()]
            )
    return told


def _bring_back(now: datetime) -> None:
    """Times of a clock that was ahead once: nothing is to wait until they have come."""
    for name in ("began", "told", "gone"):
        Alert.objects.filter(**{f"{name}__gt": now}).update(**{name: now})
    for name in ("made", "ended"):
        AlertMessage.objects.filter(**{f"{name}__gt": now}).update(**{name: now})
    AlertMessage.objects.filter(ended=None, next_try__gt=now + LONGEST_PAUSE).update(next_try=now)


def _keep(found: Mapping[str, Condition], kept: Mapping[str, Alert], now: datetime) -> None:
    new = [
        Alert(key=key, kind=one.kind, topic=storable(one.topic), subscription=storable(one.subscription), began=now)
        for key, one in found.items()
        if key not in kept
    ]
    Alert.objects.bulk_create(new, ignore_conflicts=True)
    Alert.objects.filter(key__in=[key for key in kept if key in found], gone__isnull=False).update(gone=None)
    Alert.objects.filter(key__in=[key for key in kept if key not in found], gone=None).update(gone=now)
    for key, one in found.items():  # letters that were dealt with: those that come from now on are new
        if key in kept and one.figure < kept[key].figure:
            Alert.objects.filter(key=key).update(figure=one.figure)


def _may_tell(now: datetime) -> bool:
    last = AlertMessage.objects.aggregate(last=Max("made"))["last"]
    return last is None or now - last >= APART


def _to_tell(found: Mapping[str, Condition], seen: Seen, now: datetime) -> ToTell:
    """Each row is changed by one statement that asks for what it was: of two processes, one tells."""
    told, after = ToTell(), timedelta(seconds=settings.EVENTDESK.alerts.after_seconds)
    due = Alert.objects.filter(told=None, gone=None, began__lte=now - after).order_by("began", "pk")
    for row in due:
        one = found.get(row.key)
        if one and Alert.objects.filter(pk=row.pk, told=None).update(told=now, figure=one.figure):
            told.begun.append(one)
    for row in Alert.objects.filter(told__lte=now - GROWS_AGAIN, gone=None).order_by("began", "pk"):
        one = found.get(row.key)
        mine = Alert.objects.filter(pk=row.pk, told=row.told)
        if one and one.figure > row.figure and mine.update(told=now, figure=one.figure):
            told.grown.append((one, one.figure - row.figure))
    for row in Alert.objects.filter(gone__lte=now - after, kind__in=seen.kinds).order_by("began", "pk"):
        if Alert.objects.filter(pk=row.pk, gone=row.gone).delete()[0] and row.told:
            told.over.append((row, row.key in seen.there))
    return told
