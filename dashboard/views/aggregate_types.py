"""The aggregates of one type: by id, or the one with the latest event first."""

from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile, display_id, given_id, is_personal, known_handle, public_id
from dashboard.web.pages import page, problem, profile_of, render
from dashboard.web.problems import unknown
from eventstore.model import Aggregate, Page

LONGEST_QUERY = 1024
LONGEST_PAGE_TOKEN = LONGEST_QUERY + 32
"""Characters of an id with a time before it."""


@page("browse")
def of_type(request: HttpRequest, type: str) -> HttpResponse:
    query = {name: request.GET.get(name, "")[:LONGEST_PAGE_TOKEN] for name in ("q", "after", "before", "latest")}
    profile, prefix = profile_of(request), query["q"].strip()
    whole = desk().index.aggregate_type_named(type)
    sortable = whole is not None and whole.aggregates <= desk().index.most_sorted
    by_id = not sortable or request.GET.get("order") == "id" or any(query[name] for name in ("q", "after", "before"))
    if prefix and (is_personal(type) and (known_handle(prefix) or not profile.sees_values)):
        found = _named(type, prefix, profile)
    elif by_id:
        after, before = (_bound(type, query[name], profile) for name in ("after", "before"))
        found = desk().index.aggregates(type, prefix=prefix, after=after, before=before, limit=_page_size())
    else:
        latest = _latest_given(type, query["latest"], profile)
        found = desk().index.latest_aggregates(type, before=latest, limit=_page_size())
    if not found.items and not any(query.values()):
        return problem(request, unknown("aggregate type", "Look in the list of aggregate types, or search at the top."))
    context = {
        "type": type,
        "whole": whole,
        "sortable": sortable,
        "by_id": by_id,
        "prefix": prefix,
        "personal": is_personal(type) and not profile.sees_values,
        "page": _shown(type, found, profile, timed=not by_id),
        "from_the_latest": not query["latest"],
    }
    return render(request, "aggregates/of_type.html", context, fragment="aggregates/_list.html")


def _named(type: str, given: str, profile: AccessProfile) -> Page[Aggregate]:
    """The one aggregate that is meant. A beginning of personal ids finds nothing: one could guess them sign by sign."""
    found = desk().index.aggregate(type, given_id(type, given, profile))
    return Page(items=[found] if found else [])


def _shown(type: str, found: Page[Aggregate], profile: AccessProfile, *, timed: bool) -> Page[Aggregate]:
    """The page with ids as this profile may see them, and with handles in its page tokens: ids, with a time before each if
    ``timed``."""
    items = [replace(each, id=display_id(type, each.id, profile)) for each in found.items]
    newer, older = (token and _token(type, token, timed=timed) for token in (found.newer, found.older))
    return Page(items=items, newer=newer, older=older)


def _token(type: str, token: str, *, timed: bool) -> str:
    time, mark, id = token.partition(":") if timed else ("", "", token)
    return f"{time}{mark}{public_id(type, id)}"


def _latest_given(type: str, token: str, profile: AccessProfile) -> str:
    time, mark, id = token.partition(":")
    return f"{time}:{_bound(type, id, profile)}" if mark else token


def _bound(type: str, id: str, profile: AccessProfile) -> str:
    """The id at which a page begins or ends. With an open case, people may ask for a whole id: what comes before or behind one
    would tell each id sign by sign, so here they have to give a handle as pages do."""
    return given_id(type, id, replace(profile, filters_masked=False))


def _page_size() -> int:
    return settings.EVENTDESK.limits.page_size


urls = [path("aggregates/<segment:type>/", of_type, name="aggregate_type")]
