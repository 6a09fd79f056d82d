"""Letters in order, the oldest first: page by page, those that a filter matches, and all of them one by one."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eventstore.letters.letter import Letter
from eventstore.letters.places import DeadLetterTopic, counted
from eventstore.model.events import Page
from eventstore.model.pointers import Pointer
from eventstore.search import Filter, Verdict
from eventstore.subscriptions.progress import Reached
from eventstore.subscriptions.waiting import waiting_page

PIECE = 200
"""Letters that are read at once when all are gone through."""
SEARCHED_AT_ONCE = 50
MOST_SEARCHED = 1_000
"""Letters that one page of a search examines, and for how many seconds."""
MOST_SECONDS = 0.5
MOST_GROUPED = 1_000
"""Letters whose messages are read to count types, versions and reasons: the oldest ones."""
MOST_GROUPING_SECONDS = 0.5

ReadLetters = Callable[[Sequence[Pointer]], list[Letter]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundLetters:
    """The ``letters`` that match, oldest first, of the ``examined`` ones from the page token on.

    ``unknown`` of these could not be judged. ``newer`` is the token with which to go on; ``None`` at the end.
    """

    letters: Sequence[Letter]
    examined: int
    unknown: int
    newer: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterGroups:
    """How many letters there are of each type, schema version and reason, most first, among the ``examined`` oldest.

    Reasons are pairs of the property's name and its value. Letters that record none are ``("", "")``, and so are versions.
    """

    examined: int
    types: Sequence[tuple[str, int]]
    versions: Sequence[tuple[str, int]]
    reasons: Sequence[tuple[tuple[str, str], int]]


def letter_page(reached: Reached, read: ReadLetters, page_token: str | None, limit: int) -> Page[Letter]:
    """Return a page of these letters. ``newer`` leads on; ``InvalidPosition`` for a damaged token."""
    page = waiting_page(reached, page_token, limit)
    return Page(items=read(page.items), newer=page.newer, older=page.older)


def pieces(reached: Reached, read: ReadLetters, most: int | None = None) -> Iterator[Sequence[Letter]]:
    """Yield these letters, at most ``most``, a piece at a time: what is read of one piece is not kept for the next."""
    page_token: str | None = None
    left = counted(reached) if most is None else most
    while left > 0:
        page = letter_page(reached, read, page_token, min(PIECE, left))
        if page.items:
            yield page.items
        page_token, left = page.newer, left - len(page.items)
        if page_token is None:
            return


def matching(letters: Sequence[Letter], filter: Filter | None) -> list[Letter]:
    """Return those that match. A letter that cannot be judged does not."""
    return [letter for letter in letters if filter is None or verdict_of(letter, filter) is Verdict.MATCH]


def verdict_of(letter: Letter, filter: Filter) -> Verdict:
    if letter.event is not None:
        return filter.judge(letter.event)
    answer = filter.matches_pointer(letter.pointer)
    return Verdict.UNKNOWN if answer is None else Verdict.MATCH if answer else Verdict.NO


def search_letters(reached: Reached, read: ReadLetters, filter: Filter, page_token: str | None, limit: int) -> FoundLetters:
    """Return at least ``limit`` matches, if there are that many within the limits of a page."""
    found: list[Letter] = []
    examined = unknown = 0
    until = time.monotonic() + MOST_SECONDS
    while True:
        page = letter_page(reached, read, page_token, SEARCHED_AT_ONCE)
        verdicts = [verdict_of(letter, filter) for letter in page.items]
        found += [letter for letter, verdict in zip(page.items, verdicts, strict=True) if verdict is Verdict.MATCH]
        examined, unknown = examined + len(page.items), unknown + verdicts.count(Verdict.UNKNOWN)
        page_token = page.newer
        if page_token is None or len(found) >= limit or examined >= MOST_SEARCHED or time.monotonic() > until:
            return FoundLetters(letters=found, examined=examined, unknown=unknown, newer=page_token)


def group_letters(dead: DeadLetterTopic, reached: Reached, read: ReadLetters) -> LetterGroups:
    """Count the letters by type, schema version and reason, as far as a bounded look goes."""
    types: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    examined, until = 0, time.monotonic() + MOST_GROUPING_SECONDS
    for letters in pieces(reached, read):
        examined += len(letters)
        types.update(letter.type for letter in letters)
        versions.update(letter.schema_version for letter in letters)
        reasons.update((letter.origin.reason_name, letter.origin.reason) for letter in letters)
        if examined >= MOST_GROUPED or time.monotonic() > until:
            break
    return LetterGroups(
        examined=examined, types=types.most_common(), versions=versions.most_common(), reasons=reasons.most_common()
    )
