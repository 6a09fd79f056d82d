"""What the audit page is asked for, and which acts that means."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils.http import urlencode

from dashboard.auditing import acts
from dashboard.auditing.acts import Wanted, aggregate_types, resource_filter
from dashboard.auditing.entries import about_aggregate, storable
from dashboard.gateway import desk, sight
from dashboard.privacy import AccessProfile, given_id, is_personal, may_ask_for_ids
from dashboard.scoping.rows import outside
from dashboard.web.named_things import Named, named, topics_named
from eventstore.jobs import UnknownJob
from eventstore.model import IndexedTopic

MOST_SPACES = 20
"""Spaces in an old address that are tried as the end of the topic's name."""
FILTERS = ("actor", "action", "on", "text", "ticket", "since", "until", "topic", "name", "scope")
OLDER_FILTERS = ("topic", "name", "scope")
TIMES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


class FilterForm(forms.Form):
    """Which acts to show. Every field is optional.

    ``on`` names what was acted on, in any form (``named_things``), or the job that did it. ``text`` is a part of the reason or
    of other details. ``since`` and ``until`` are in UTC; the end does not belong to it. ``topic``, ``name`` and ``scope`` are
    how earlier addresses named what was acted on; they still work. ``topic`` may be a short name; ``name`` is a
    subscription's, an aggregate's id, an account's or a token's; ``scope`` is a topic, or a topic and a subscription, in one
    text.
    """

    actor = forms.CharField(required=False, max_length=500)
    action = forms.CharField(required=False, max_length=500)
    on = forms.CharField(required=False, max_length=4096)
    topic = forms.CharField(required=False, max_length=4096)
    name = forms.CharField(required=False, max_length=4096)
    text = forms.CharField(required=False, max_length=500)
    ticket = forms.CharField(required=False, max_length=500)
    since = forms.DateTimeField(required=False, input_formats=TIMES)
    until = forms.DateTimeField(required=False, input_formats=TIMES)
    scope = forms.CharField(required=False, max_length=4096)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    act = forms.UUIDField(required=False)


def is_filtered(given: Mapping[str, Any]) -> bool:
    return any(given[name] for name in (*FILTERS, "act"))


def kept(given: Mapping[str, Any]) -> dict[str, str]:
    """The filter as the parameters of an address."""
    texts = {name: given[name] for name in FILTERS if given[name]}
    return {name: f"{value:{TIMES[0]}}" if name in ("since", "until") else value for name, value in texts.items()}


def query(given: Mapping[str, Any], **more: object) -> str:
    return f"?{urlencode({**kept(given), **{name: str(value) for name, value in more.items()}})}"


def wanted_by(
    given: Mapping[str, Any], indexed: Mapping[str, IndexedTopic], profile: AccessProfile
) -> tuple[Wanted, Named | None]:
    """The acts that a valid form asks for, and what its ``on`` names, if anything."""
    meant = named(given["on"], indexed, aggregate_types()) if given["on"] else None
    on = _on(given, indexed) & ((_on_what_is(meant, profile) | _by_job(given["on"].strip())) if meant else Q())
    names = ("actor", "action", "text", "ticket", "since", "until")
    within = sight()
    without = None if within is None else outside(acts.topics(), aggregate_types(), within)
    return Wanted(on=on, without=without, **{name: given[name] for name in names}), meant


def _on(given: Mapping[str, Any], indexed: Mapping[str, IndexedTopic]) -> Q:
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


def _by_job(text: str) -> Q:
    """The act that this job does."""
    try:
        return Q(act=UUID(desk().jobs.get(text).act))
    except (UnknownJob, ValueError):
        return Q(pk__in=[])


def _in_one_text(scope: str, indexed: Mapping[str, IndexedTopic]) -> Q:
    """A topic and all in it, an account, a token, or "documents app-timeline": any of its spaces may be the one between."""
    chosen = resource_filter(topics=topics_named(scope, indexed)) | Q(name=storable(scope))
    words = scope.split(" ")
    for place in range(1, min(len(words), MOST_SPACES)):
        topic, name = " ".join(words[:place]), " ".join(words[place:])
        chosen |= resource_filter(topics=topics_named(topic, indexed), name=name)
    return chosen
