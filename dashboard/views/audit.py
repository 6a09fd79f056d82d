"""Who acted, on what, why and how it went; and whether the record still stands as it was written."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.http import urlencode

from dashboard.access.policy import TABLE
from dashboard.auditing import chain as record
from dashboard.gateway import desk
from dashboard.models import AuditEntry, AuditHead, State
from dashboard.rendering.audit_text import act_line, action_words
from dashboard.web.pages import Problem, page, problem, render
from eventstore.model import IndexedTopic

ACTS = 50


class Filter(forms.Form):
    """What to show. Nothing is required; what cannot be is said."""

    actor = forms.CharField(required=False, max_length=500)
    action = forms.CharField(required=False, max_length=500)
    scope = forms.CharField(required=False, max_length=4096)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    act = forms.UUIDField(required=False)


@page("read_audit")
def audit(request: HttpRequest) -> HttpResponse:
    form = Filter(request.GET)
    if not form.is_valid():
        return problem(
            request,
            Problem(
                status=400,
                title="This address does not work",
                text="It was cut off or changed when it was copied.",
                advice="Open Audit on the left and filter again.",
            ),
        )
    given = form.cleaned_data
    indexed = desk().index.topics()
    acts, older = _acts(given, _scopes(given["scope"], indexed))
    context = {
        "lines": [act_line(act, _partitions(act, indexed)) for act in acts],
        "given": given,
        "filtered": any(given[name] for name in ("actor", "action", "scope", "act")),
        "actions": [(action, action_words(action)) for action in _actions()],
        "older": f"?{urlencode({**_kept(given), 'before': str(older)})}" if older else "",
        "newest": f"?{urlencode(_kept(given))}" if given["before"] else "",
        **(_verified() if request.GET.get("verify") == "1" else {}),
    }
    return render(request, "audit/index.html", context)


def _acts(given: dict[str, Any], under: Collection[str]) -> tuple[list[record.Act], int | None]:
    """A page of acts, and the cursor of the next one."""
    if given["act"] is not None:
        return _one(given["act"]), None
    found = record.acts(before=given["before"], limit=ACTS + 1, actor=given["actor"], action=given["action"], under=under)
    shown = list(found[:ACTS])
    return shown, shown[-1].number if len(found) > ACTS else None


def _scopes(given: str, indexed: Mapping[str, IndexedTopic]) -> Collection[str]:
    """What was typed, and with a topic's short name written out: "documents app-timeline" as the page shows it."""
    if not given:
        return ()
    short, space, subscription = given.partition(" ")
    return {given, *(f"{name}{space}{subscription}" for name in indexed if name.rpartition("/")[2] == short)}


def _partitions(act: record.Act, indexed: Mapping[str, IndexedTopic]) -> int:
    topic = indexed.get(str(act.details.get("topic", "")))
    return topic.partitions if topic else 0


def _one(act: UUID) -> list[record.Act]:
    entry = AuditEntry.objects.filter(act=act, state=State.INTENDED).first()
    return list(record.acts(before=entry.number + 1, limit=1)) if entry else []


def _kept(given: dict[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in ("actor", "action", "scope") if given[name]}


def _actions() -> list[str]:
    """Those that are ever recorded: reading is not an act yet."""
    return [action for action in TABLE if action not in ("browse", "tail", "see_payloads", "read_audit")]


def _verified() -> dict[str, Any]:
    broken = record.verify()
    head = AuditHead.objects.filter(id=1).first()
    return {"verified": True, "broken": broken, "entries": head.number if head else 0}


urls = [path("audit/", audit, name="audit")]
