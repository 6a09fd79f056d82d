"""How much a filter may ask for, and how much of one event it looks at: no filter and no payload can hang a process."""

MOST_CHARACTERS = 4_096
MOST_TERMS = 100
DEEPEST = 20
"""Levels of parentheses and ``not``."""
MOST_PATH_PARTS = 20
MOST_NUMBER_CHARACTERS = 40
MOST_EXPRESSIONS = 10
MOST_EXPRESSION_CHARACTERS = 500
EXPRESSION_MEMORY = 1 << 20
"""Bytes that RE2 may use for one regular expression."""
MOST_EXPRESSION_STEPS = 5_000
"""Size of the program that RE2 makes of one: ``(a{100}){100}`` is short and huge."""

PAYLOAD_BYTES = 1_000_000
"""A longer payload is not parsed, and of its text only so much is looked at."""
KEY_CHARACTERS = 10_000
"""Of a key, so much text is looked at."""
EXPRESSION_WORK = 5_000_000
"""Steps times bytes that all of a filter's regular expressions together may spend on one event.

RE2 is linear in both, but not quick where its cache of states overflows: 6 to 40 ns for each (seen: 36 s for one expression of
900 steps over a megabyte). This is then a fifth of a second at the worst; what that may come to over many events
is for ``spending`` to say.
"""
EXPRESSION_BYTES = PAYLOAD_BYTES // 2
"""Bytes of a text that a regular expression looks at, however cheap it is: fewer than a payload's text has once it was cut, so
that ``$`` never takes the cut for the end."""
VALUE_CHARACTERS = 100_000
"""Of the values at one path, so much text is compared with a pattern."""
MOST_ITEMS = 1_000
"""Items of a list in a payload that one term compares."""
MOST_ESCAPES = 50_000
"""Backslashes of a payload that are undone before its text is looked at."""
