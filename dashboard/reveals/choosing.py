"""Which reveals a list shows: of one month, and what the filter leaves of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.utils.http import urlencode

from dashboard.gateway import sight
from dashboard.models import Reveal
from dashboard.privacy import AccessProfile, may_ask_for_ids, public_id
from dashboard.privacy.by_reason.reveals import AGGREGATE, EVENT, FIELD
from dashboard.scoping.rows import seen_rows

MOST_COUNTED = 20
"""Persons and customers that are named with their counts."""
KINDS = (("", "any"), (FIELD, "field"), (EVENT, "event"), (AGGREGATE, "aggregate"))


class Filter(forms.Form):
    """Every field is optional. ``month`` is as in 2026-11; an empty one is the present one."""

    month = forms.RegexField(r"\A20\d\d-(0[1-9]|1[0-2])\Z", required=False)
    person = forms.CharField(required=False, max_length=150)
    type = forms.CharField(required=False, max_length=4096)
    id = forms.CharField(required=False, max_length=4096)
    ticket = forms.CharField(required=False, max_length=200)
    kind = forms.ChoiceField(required=False, choices=KINDS)
    emergency = forms.BooleanField(required=False)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A month in UTC: ``name`` as in addresses."""

    begins: datetime

    @property
    def name(self) -> str:
        return f"{self.begins:%Y-%m}"

    @property
    def ends(self) -> datetime:
        return self._moved(1).begins

    @property
    def earlier(self) -> "Month":
        return self._moved(-1)

    @property
    def later(self) -> "Month | None":
        """The month after it, unless that has not begun."""
        after = self._moved(1)
        return after if after.begins <= datetime.now(UTC) else None

    def _moved(self, months: int) -> "Month":
        number = self.begins.year * 12 + self.begins.month - 1 + months
        return Month(begins=datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What a filter asks for. ``query`` is its address without the page."""

    month: Month
    given: dict[str, Any]
    rows: QuerySet[Reveal]

    @property
    def query(self) -> str:
        return urlencode({"month": self.month.name, **self.kept})

    @property
    def kept(self) -> dict[str, str]:
        """The filter without the month."""
        given = {name: self.given[name] for name in ("person", "type", "id", "ticket", "kind") if self.given[name]}
        return given | ({"emergency": "on"} if self.given["emergency"] else {})

    def by_person(self) -> Sequence[tuple[str, int]]:
        """The persons with the most reveals, and how many each has."""
        counted = self.rows.values("person__username").annotate(count=Count("pk")).order_by("-count", "person__username")
        return [(row["person__username"], row["count"]) for row in counted[:MOST_COUNTED]]

    def by_customer(self) -> Sequence[tuple[str, str, int, int]]:
        """The aggregates with the most reveals: type, id, reveals, and persons who made them."""
        of_customers = self.rows.exclude(aggregate_id="")
        counted = of_customers.values("aggregate_type", "aggregate_id").annotate(
            count=Count("pk"), persons=Count("person", distinct=True)
        )
        ordered = counted.order_by("-count", "aggregate_type", "aggregate_id")[:MOST_COUNTED]
        return [(row["aggregate_type"], row["aggregate_id"], row["count"], row["persons"]) for row in ordered]


def chosen(given: dict[str, Any], profile: AccessProfile) -> Chosen:
    """What these cleaned data of a ``Filter`` ask for. A personal id is found by whoever may look one up."""
    ids = {public_id(type, given["id"]) for type in _types() if may_ask_for_ids(profile)}
    month = month_named(given["month"])
    rows = seen_rows(Reveal.objects.filter(begun__gte=month.begins, begun__lt=month.ends), sight())
    wanted = {
        "person__username": given["person"],
        "aggregate_type": given["type"],
        "aggregate_id__in": sorted({given["id"], *ids}) if given["id"] else (),
        "ticket__icontains": given["ticket"],
        "kind": given["kind"],
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if given["emergency"]:
        rows = rows.filter(emergency=True)
    return Chosen(month=month, given=given, rows=rows)


def _types() -> Sequence[str]:
    """The types of the aggregates of which something was ever revealed."""
    return list(Reveal.objects.exclude(aggregate_type="").order_by().values_list("aggregate_type", flat=True).distinct())


def month_named(name: str) -> Month:
    """The month of this name; the present one for an empty name."""
    if not re.fullmatch(r"\d{4}-\d\d", name):
        now = datetime.now(UTC)
        return Month(begins=datetime(now.year, now.month, 1, tzinfo=UTC))
    year, month = name.split("-")
    return Month(begins=datetime(int(year), int(month), 1, tzinfo=UTC))
