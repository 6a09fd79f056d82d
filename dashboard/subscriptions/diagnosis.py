"""The diagnosis of a subscription as pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from dashboard.auditing.acts import acts
from dashboard.gateway import desk
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.diagnosis_evidence import sentence
from dashboard.subscriptions.diagnosis_words import INVISIBLE, OF_MISTAKES, OF_STATES, Words
from eventstore.actions import subscription_resource
from eventstore.cursors import MOVES, UNDO_MOVE
from eventstore.diagnosis import Certainty, Diagnosis, Finding
from eventstore.subscriptions import Backlog, State

MOVE_NAMES = frozenset(action.name for action in (*MOVES, UNDO_MOVE))
MOST_RESETS = 20
"""Resets on the record whose times are compared with jumps of the cursor."""
CERTAINTY_MARKS = {
    Certainty.CERTAIN: ("bad", "●", "certain"),
    Certainty.LIKELY: ("warn", "◐", "likely"),
    Certainty.POSSIBLE: ("quiet", "○", "possible"),
}
"""A certainty's tone, mark and word."""
CALM = frozenset({State.HEALTHY, State.IDLE, State.CATCHING_UP, State.STORES_OWN})
"""States that need no explanation unless something else was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingText:
    mistake: str
    title: str
    mark: tuple[str, str, str]
    sure: bool
    """Certain or likely."""
    evidence: Sequence[SafeString]
    words: Words


@dataclass(frozen=True, kw_only=True, slots=True)
class DiagnosisText:
    """``calm``: there is nothing to explain. ``invisible``: what the broker does not show; empty if that does not matter."""

    mark: tuple[str, str, str]
    words: Words
    evidence: Sequence[SafeString]
    findings: Sequence[FindingText]
    calm: bool
    invisible: str
    as_of: datetime


def diagnosis_of(line: Line) -> DiagnosisText:
    """By everything that was seen of the subscription: for one page, or a few lines of one."""
    backlog = line.backlog
    return _text(line, desk().diagnosis.of(backlog, _own_resets(backlog)))


def at_a_glance(line: Line) -> Sequence[FindingText]:
    """The mistakes that show in the figures alone, for lists."""
    return [_finding(found) for found in desk().diagnosis.at_a_glance(line.backlog)]


def _text(line: Line, found: Diagnosis) -> DiagnosisText:
    return DiagnosisText(
        mark=line.mark,
        words=OF_STATES[found.state],
        evidence=[sentence(one) for one in found.evidence],
        findings=[_finding(one) for one in found.findings],
        calm=found.state in CALM and not found.findings,
        invisible=INVISIBLE if found.refusals_invisible else "",
        as_of=line.backlog.as_of,
    )


def _finding(found: Finding) -> FindingText:
    words = OF_MISTAKES[found.mistake]
    return FindingText(
        mistake=found.mistake.value,
        title=words.title,
        mark=CERTAINTY_MARKS[found.certainty],
        sure=found.certainty is not Certainty.POSSIBLE,
        evidence=[sentence(one) for one in found.evidence],
        words=words,
    )


def _own_resets(backlog: Backlog) -> Sequence[datetime]:
    """When moves of this subscription's cursor began and ended, as the record says."""
    told = backlog.subscription
    made = acts(limit=MOST_RESETS, on=subscription_resource(told.topic, told.name))
    return [at for act in made if act.action in MOVE_NAMES for at in (act.begun, act.ended) if at]
