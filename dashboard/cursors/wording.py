"""How each verb reads: a preview's heading, its button, and the message when it is done."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.cursors.aims import Aim
from dashboard.cursors.texts import count_words, touched_words
from dashboard.rendering.event_line import EventLine
from dashboard.rendering.tags import value_tag
from dashboard.rendering.text import visible
from eventstore.cursors import CLEAR, EXPIRE, RESET_CURSOR, SKIP_BEFORE, SKIP_COUNT, SKIP_EVENT, UNDO_MOVE, MovePlan

Heading = Callable[[SafeString | str, SafeString], SafeString]
"""From what is aimed at and the subscription's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """``title`` is for the browser's tab, ``crumb`` for the breadcrumb. ``did`` completes "anna has … this subscription
    meanwhile", and ``begun`` "anna has begun to … it"."""

    title: str
    crumb: str
    heading: str
    done: str
    did: str
    begun: str


MOVED, BEGUN = "moved the cursor of", "move the cursor of"
VERBS = {
    RESET_CURSOR.name: Verb(
        title="Reset {}",
        crumb="reset cursor",
        heading="Reset {name} to {aim}",
        done="{name} was reset to {aim}: {touched}.",
        did="reset",
        begun="reset",
    ),
    SKIP_EVENT.name: Verb(
        title="Skip an event of {}",
        crumb="skip event",
        heading="Skip {aim} for {name}",
        done="{name} skipped {aim}: {touched}.",
        did=MOVED,
        begun=BEGUN,
    ),
    SKIP_BEFORE.name: Verb(
        title="Continue {} from an event",
        crumb="continue from an event",
        heading="Continue {name} from {aim}",
        done="{name} continues from {aim}: {touched}.",
        did=MOVED,
        begun=BEGUN,
    ),
    SKIP_COUNT.name: Verb(
        title="Skip events of {}",
        crumb="skip events",
        heading="Skip {aim} for {name}",
        done="{name} skipped {aim}: {touched}.",
        did=MOVED,
        begun=BEGUN,
    ),
    CLEAR.name: Verb(
        title="Clear {}",
        crumb="clear backlog",
        heading="Clear the backlog of {name}",
        done="The backlog of {name} was cleared: {touched}.",
        did=MOVED,
        begun=BEGUN,
    ),
    EXPIRE.name: Verb(
        title="Skip events of {}",
        crumb="skip events",
        heading="Skip what was published before {aim} for {name}",
        done="{name} skipped what was published before {aim}: {touched}.",
        did=MOVED,
        begun=BEGUN,
    ),
}


def verb_of(action: str) -> Verb:
    """The verb of this action, which moves a cursor."""
    return VERBS[action]


def deed_of(action: str) -> tuple[str, str]:
    """What somebody has done with any action on a subscription, and what somebody has begun to do, as ``Verb.did`` and
    ``Verb.begun``."""
    if action == UNDO_MOVE.name:
        return "undone a move of", "undo a move of"
    verb = VERBS.get(action)
    return (verb.did, verb.begun) if verb else ("acted on", "act on")


def heading(aim: Aim, name: str, line: EventLine | None) -> SafeString:
    """The preview's heading. ``line`` is the event that is aimed at, masked for whoever looks."""
    what: SafeString | str = aim.words
    if line is not None:
        what = format_html("“{}”", SafeString("".join(value_tag(piece) for piece in line.pieces)))
    return format_html(verb_of(aim.action.name).heading, name=format_html("<bdi>{}</bdi>", visible(name)), aim=what)


def done_words(aim: Aim, name: str, plan: MovePlan) -> SafeString:
    """The message when it is done."""
    return format_html(verb_of(aim.action.name).done, name=visible(name), aim=aim.words, touched=touched_words(plan))


def button_words(aim: Aim, name: str, plan: MovePlan) -> SafeString:
    """What the button does: "Reset mailer: 6 events redelivered"."""
    bold = format_html("<bdi>{}</bdi>", visible(name))
    if aim.action is RESET_CURSOR:
        return format_html("Reset {}: {}", bold, touched_words(plan))
    return format_html("Skip {} for {}, for good", count_words(plan, plan.passed_over), bold)
