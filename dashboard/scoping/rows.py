"""Rows of the desk's own tables that name a topic or a type of aggregates: those within a scope."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Q

from dashboard.scoping.sight import Sight

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

M = TypeVar("M", bound="Model")


def outside(topics: Iterable[str], types: Iterable[str], sight: Sight) -> Q | None:
    """What of rows that have these in their columns ``topic`` and ``aggregate_type`` lies outside; ``None`` for nothing."""
    hidden_topics = [name for name in topics if not sight.has_topic(name)]
    hidden_types = [name for name in types if not sight.has_aggregate_type(name)]
    if not hidden_topics and not hidden_types:
        return None
    return Q(topic__in=hidden_topics) | Q(aggregate_type__in=hidden_types)


def seen_rows(rows: "QuerySet[M]", sight: Sight | None) -> "QuerySet[M]":
    """Those within the scope: all of them, at no cost, where there is none."""
    hidden = None if sight is None else outside(_distinct(rows, "topic"), _distinct(rows, "aggregate_type"), sight)
    return rows if hidden is None else rows.exclude(hidden)


def sees_act(act: Any, sight: Sight | None) -> bool:
    """Whether an act of the record may be shown: what it was on, and all that it names besides, but for what people wrote."""
    return sight is None or (sight.sees(act.resource) and not sight.mentions_hidden([act.details, act.outcome]))


def _distinct(rows: "QuerySet[Any]", column: str) -> list[str]:
    return list(rows.order_by().values_list(column, flat=True).distinct())
