"""Dead letters: what is in a subscription's dead-letter topics, what each letter says of its original, and burying letters."""

from eventstore.letters.burying import BURY_LETTERS, MOST_BURIED, BurialPlan
from eventstore.letters.keeping import KEEP_LETTERS, KeepPlan
from eventstore.letters.letter import Letter
from eventstore.letters.listing import FoundLetters, LetterGroups
from eventstore.letters.origin import Origin
from eventstore.letters.places import KEEPER, DeadLetterTopic

__all__ = [
    "BURY_LETTERS",
    "KEEPER",
    "KEEP_LETTERS",
    "MOST_BURIED",
    "BurialPlan",
    "DeadLetterTopic",
    "FoundLetters",
    "KeepPlan",
    "Letter",
    "LetterGroups",
    "Origin",
]
