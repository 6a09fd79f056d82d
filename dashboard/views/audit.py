"""The audit record: who acted, on what, why, and with which outcome. Also verifies that the record is unchanged."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.http import urlencode

from dashboard.auditing.acts import Act, act_of, acts, aggregate_types, resource_filter
from dashboard.auditing.entries import about_aggregate, storable
from dashboard.auditing.verification import verify
from dashboard.gateway import desk
from dashboard.models import AuditHead, State
from dashboard.privacy import AccessProfile, given_id, is_personal, may_ask_for_ids
from dashboard.rendering import audit_line
from dashboard.web.named_things import Named, named, topics_named
from dashboard.web.pages import Problem, page, problem, profile_of, render
from eventstore.actions import registered
from eventstore.jobs import Job, UnknownJob, kind_named
from eventstore.model import IndexedTopic

ACTS = 50
MOST_SPACES = 20
"""Spaces in an old address that are tried as the end of the topic's name."""
FILTERS = ("actor", "action", "on", "text", "topic", "name", "scope")
OLDER_FILTERS = ("topic", "name", "scope")


class Filter(forms.Form):
    """Which acts to show. Every field is optional.

    ``on`` names what was acted on, in any form (``named_things``). ``text`` is a part of the reason or of other details.
    ``topic``, ``name`` and ``scope`` are how earlier addresses named what was acted on; they still work. ``topic`` may be a
    short name; ``name`` is a subscription's, an aggregate's id, an account's or a token's; ``scope`` is a topic, or a topic
    and a subscription, in one text.
    """

    actor = forms.CharField(required=False, max_length=500)
    action = forms.CharField(required=False, max_length=500)
    on = forms.CharField(required=False, max_length=4096)
    topic = forms.CharField(required=False, max_length=4096)
    name = forms.CharField(required=False, max_length=4096)
    text = forms.CharField(required=False, max_length=500)
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
    meant = named(given["on"], indexed, aggregate_types()) if given["on"] else None
    matching, older = _acts(given, _on(given, indexed) & (_on_what_is(meant, profile_of(request)) if meant else Q()))
    context = {
        "lines": [audit_line(act, _partitions(act, indexed), _open_job(act)) for act in matching],
        "given": given,
        "given_earlier": [(name, given[name]) for name in OLDER_FILTERS if given[name]],
        "of_event": meant is not None and meant.of_event,
        "of_position": meant is not None and meant.of_position,
        "filtered": any(given[name] for name in (*FILTERS, "act")),
        "actions": sorted(((action.name, action.title) for action in registered()), key=lambda pair: pair[1]),
        "older": f"?{urlencode({**_kept(given), 'before': str(older)})}" if older else "",
        "newest": f"?{urlencode(_kept(given))}" if given["before"] else "",
        **(_verified() if request.GET.get("verify") == "1" else {}),
    }
    return render(request, "audit/index.html", context)


def _open_job(act: Act) -> Job | None:
    """The job that does this act, if the act is open for that."""
    if act.state is State.DONE or kind_named(act.action) is None:
        return None
    try:
        job = desk().jobs.get(str(act.details.get("job", "")))
    except UnknownJob:
        return None
    return None if job.state.has_ended else job


def _acts(given: dict[str, Any], on: Q) -> tuple[Sequence[Act], int | None]:
    """A page of acts, and the number before which the next page begins."""
    if given["act"] is not None:
        act = act_of(given["act"])
        return [act] if act else [], None
    wanted = {name: given[name] for name in ("actor", "action", "text")}
    matching = acts(before=given["before"], limit=ACTS + 1, on=on, **wanted)
    on_page = list(matching[:ACTS])
    return on_page, on_page[-1].number if len(matching) > ACTS else None


def _on(given: dict[str, Any], indexed: Mapping[str, IndexedTopic]) -> Q:
    topics = topics_named(given["topic"], indexed) if given["topic"] else []
    chosen = resource_filter(topics=topics, name=given["name"])
    return chosen & _in_one_text(given["scope"], indexed) if given["scope"] else chosen


def _on_what_is(meant: Named, profile: AccessProfile) -> Q:
    """Acts on whatever the text may mean. The record knows an aggregate with a personal id by its handle."""
    chosen = Q(pk__in=[])
    if meant.topics:
        chosen |= resource_filter(topics=meant.topics)
    personal = [type for type in aggregate_types() if is_personal(type)] if may_ask_for_ids(profile) else []
    for name in meant.names:
        chosen |= resource_filter(name=name)
        for type in personal:
            chosen |= about_aggregate(type, name)
    for topics, name in meant.within:
        chosen |= resource_filter(topics=topics, name=name)
    for type, id in meant.aggregates:
        chosen |= about_aggregate(type, given_id(type, id, profile))
    return chosen


def _in_one_text(scope: str, indexed: Mapping[str, IndexedTopic]) -> Q:
    """A topic and all in it, an account, a token, or "documents app-timeline": any of its spaces may be the one between."""
    chosen = resource_filter(topics=topics_named(scope, indexed)) | Q(name=storable(scope))
    words = scope.split(" ")
    for place in range(1, min(len(words), MOST_SPACES)):
        topic, name = " ".join(words[:place]), " ".join(words[place:])
        chosen |= resource_filter(topics=topics_named(topic, indexed), name=name)
    return chosen


def _partitions(act: Act, indexed: Mapping[str, IndexedTopic]) -> int:
    topic = indexed.get(act.resource.topic)
    return topic.partitions if topic else 0


def _kept(given: dict[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in FILTERS if given[name]}


def _verified() -> dict[str, Any]:
    broken = verify()
    head = AuditHead.objects.filter(id=1).first()
    return {"verified": True, "broken": broken, "entries": head.number if head else 0}


urls = [path("audit/", audit, name="audit")]
