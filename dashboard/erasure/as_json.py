"""The answer to a request for erasure as a JSON document, for the request's file: names, counts and times, and no value."""

from collections.abc import Mapping
from typing import Any

from dashboard.erasure.answer import Answer, Counted
from dashboard.erasure.texts import NOT_KNOWN, to_dos


def document_of(answer: Answer, person: str, id: str) -> Mapping[str, Any]:
    """Of a whole answer. ``person`` has asked for it, and sees ``id``. Counts that are not complete say so."""
    counted = answer.counted
    values = answer.values
    assert values is not None, "a whole answer has them"
    return {
        "aggregate": {"type": answer.aggregate.type, "id": id},
        "as_of": answer.as_of,
        "asked_by": person,
        "events": [
            {
                "topic": one.topic,
                "partition": one.partition,
                "events": one.events,
                "first": one.first,
                "last": one.last,
                "trimmed": one.trimmed,
                "left": one.left,
                "index_is_behind": one.behind,
                "gone_since": one.gone,
            }
            for one in answer.events
        ],
        "unreadable_with_this_key": len(answer.unreadable),
        "searchable_values": {
            "by_name": values.values,
            "in_events": values.events,
            "all_events_counted": values.complete,
            "forgotten_since": values.forgotten,
        },
        **(_counted(counted) if counted is not None else {}),
        "still_to_do": [{"who": one.who, "what": one.what, "done": one.done} for one in to_dos(answer)],
        "not_known_to_the_desk": [f"{name}: {text}" for name, text in NOT_KNOWN],
    }


def _counted(counted: Counted) -> Mapping[str, Any]:
    return {
        "copies": {
            "events_looked_at": counted.copies.events,
            "all_events_looked_at": counted.copies.complete,
            "topics": [
                {
                    "topic": one.topic,
                    "kind": one.kind.value,
                    "copies": one.copies,
                    "of_events": one.events,
                    "first_published": one.first,
                    "last_published": one.last,
                    "replays": one.replays,
                    "store_has_topic": not one.gone,
                }
                for one in counted.copies.topics
            ],
        },
        "subscriptions": _readers(counted),
        "subscriptions_not_told": [{"topic": topic, "why": why} for topic, why in counted.readers.problems],
        "jobs": {
            "found": counted.jobs.found,
            "all_looked_at": counted.jobs.complete,
            "by_a_filter_of_payloads": counted.jobs.by_filter,
            "newest": [{"id": id, "kind": kind, "state": state} for id, kind, state in counted.jobs.ids],
        },
        "local_projections": [
            {"projection": one.projection, "rows": one.rows, "seen_by_readers": one.live} for one in counted.local
        ],
        "acts_on_the_record": counted.record.acts,
        "acts_that_name_a_personal_id": counted.record.in_clear,
        "cases": {"found": counted.record.cases, "notes": counted.record.notes},
    }


def _readers(counted: Counted) -> list[Mapping[str, Any]]:
    return [
        {
            "topic": one.topic,
            "subscription": one.name,
            "kind": one.kind,
            "projection": one.projection or None,
            "of_copies": one.copies,
            "events": one.events,
            "acknowledged_or_passed_over": one.done,
            "waiting": one.waiting,
            "cursor_last_moved_from_here": counted.moved_back.get((one.topic, one.name)),
            "not_known_because": one.unknown or None,
            "as_of": one.as_of,
        }
        for one in counted.readers.readers
    ]
