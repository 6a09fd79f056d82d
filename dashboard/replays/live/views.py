"""The page of one replay: live while it runs, and its figures afterwards."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from dashboard.access import policy
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.gateway import desk
from dashboard.jobs.acting import Acting, acting
from dashboard.jobs.views import MIN_SPEED
from dashboard.jobs.words import KindWords, tell_jobs
from dashboard.models import Person
from dashboard.replays.live import words
from dashboard.replays.live.history import acts_on, log_of
from dashboard.replays.live.plan import plan_facts
from dashboard.replays.live.shown import shown
from dashboard.web.pages import load_whole_page, page, person_of, profile_of, render, wants_fragment
from eventstore.jobs import CANCEL_JOB, State
from eventstore.replays import REPLAY, THROTTLED, Watched

tell_jobs(REPLAY, KindWords(page="replay", title=words.job_title))


@page("browse")
def replay(request: HttpRequest, id: str) -> HttpResponse:
    """One replay. When it ends, its page is loaded again, since nothing can be done to it any more."""
    found = desk().replays.watch(id)
    if found.job.state.has_ended and wants_fragment(request):
        return load_whole_page()
    return render(request, "replays/show.html", _context(request, found), fragment="replays/_live.html")


def _context(request: HttpRequest, found: Watched) -> dict[str, Any]:
    person, job, profile = person_of(request), found.job, profile_of(request)
    named = policy.allows(person, "read_audit")
    acts = acts_on(job)
    return {
        "shown": shown(found, profile, named=named),
        "job": job,
        "order": found.order,
        "rest": _rest(person, found),
        "acting": _acting(person, found),
        "since": desk().jobs.newest_act(job),
        "log": log_of(found, acts, named=named),
        "plan": plan_facts(found.order, acts[0] if acts else None, values=words.may_read_filter(found.order, profile)),
        "reads_record": named,
        "min_speed": MIN_SPEED,
        "workers": desk().jobs.workers(job.kind),
        "cancel_undo": CANCEL_JOB.undo.how,
        "longest_reason": LONGEST_REASON,
        "fragment": wants_fragment(request),
    }


def _acting(person: Person, found: Watched) -> Acting:
    """Without a change of speed where the job gives out no events itself."""
    can = acting(person, found.job)
    return {**can, "throttle": can["throttle"] and found.order.way in THROTTLED}


def _rest(person: Person, found: Watched) -> str:
    """Where the rest of a canary's plan is asked for; empty if there is none yet, or for people who may not."""
    succeeded = found.job.state is State.SUCCEEDED and found.order.only != ("", "")
    if not succeeded or not policy.allows(person, REPLAY):
        return ""
    return f"{reverse('replay_new')}?{urlencode({'canary_of': found.job.id})}"


urls = [path("replays/<hex:id>/", replay, name="replay")]
