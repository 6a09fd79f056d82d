"""A plan and a replay as lines of text, for a terminal."""

from collections.abc import Iterator, Sequence

from dashboard.privacy import public_id
from dashboard.rendering.text import format_duration, format_exact, format_number, visible
from dashboard.replays.asking.shown import consumers_of
from dashboard.replays.live import words
from dashboard.replays.live.shown import headline
from eventstore.model import Pointer
from eventstore.replays import ReplayPlan, Watched


def plan_lines(plan: ReplayPlan) -> Iterator[str]:
    """What it would do, a fact a line. No payload, and no value of an event."""
    order = plan.order()
    yield words.title_of(order)
    yield f"  What: {words.what_of(order)}; {words.which_of(order)}"
    yield f"  How: {words.how_of(order)}"
    for type, (count, what) in sorted(plan.side_effects.items()):
        most = "" if plan.counts.exact else "at most "
        yield f"  Side effect: {most}{format_number(count)} {visible(type)}: {visible(what)}"
    if not plan.side_effects:
        yield "  Side effects: none of these types has a declared one"
    if consumers := consumers_of(plan):
        yield f"  Consumers: {consumers}"
    yield f"  Expected: about {format_duration(max(1.0, plan.takes()[0]))} (an estimate)"
    for hazard in plan.hazards:
        yield f"  {'STOPS' if hazard.stops else 'GRAVE' if hazard.grave else 'Hazard'}: {hazard.text}"
    if not plan.hazards:
        yield "  Hazards: none found"
    for why in plan.approval:
        yield f"  A second person must approve it: {why}"
    yield from _dry_run(plan)


def _dry_run(plan: ReplayPlan) -> Iterator[str]:
    """The first and the last events, an event a line: its id, type, aggregate and time."""
    if not plan.first:
        return
    among = plan.choice.known is None and plan.events is None
    yield f"  Dry run: the first events {'among which the filter looks' if among else 'that would go'}"
    yield from _events(plan.first)
    if plan.last:
        yield "  and the last"
        yield from _events(plan.last)


def _events(found: Sequence[Pointer]) -> Iterator[str]:
    for one in found:
        of = (
            f" of {visible(one.aggregate_type)} {visible(public_id(one.aggregate_type, one.aggregate_id))}"
            if one.aggregate_id
            else ""
        )
        yield f"    {visible(one.event_id)} {visible(one.type)}{of}, {format_exact(one.published)}"


def replay_lines(watched: Watched) -> Iterator[str]:
    """How far it is."""
    job, order = watched.job, watched.order
    yield f"{job.id} {job.state}: {words.title_of(order)}"
    yield f"  {headline(watched)}, {format_number(watched.sent)} sent"
    if watched.unknown:
        yield f"  Whether the events are consumed is not known: {watched.unknown}"
    if watched.away:
        yield f"  The figures are those of the last look: {watched.away}"
    if watched.seconds_to_go is not None:
        yield f"  About {format_duration(watched.seconds_to_go)} to go"
    if given_up := words.given_up(watched):
        yield f"  {given_up} given up by consumers (dead-lettered)"
    yield f"  Asked for by {visible(job.asker.name)}, {format_exact(job.asked)}: {visible(job.reason)}"
    if job.approver is not None and job.approved is not None:
        yield f"  Approved by {visible(job.approver.name)}, {format_exact(job.approved)}"
    if job.problem:
        yield f"  {visible(job.problem)}"


def short_line(watched: Watched) -> str:
    return f"{watched.job.id} {watched.job.state}: {words.title_of(watched.order)}. {headline(watched)}"
