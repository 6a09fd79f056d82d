"""Limits for a filter, and for how much of one event it reads: no filter and no payload can hang a process."""

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
"""Size of the program that RE2 makes of one expression: ``(a{100}){100}`` is short and huge."""

PAYLOAD_BYTES = 1_000_000
"""Largest payload that is parsed. Of the text of a larger one, only this much is searched."""
KEY_CHARACTERS = 10_000
"""Characters of a key that are searched."""
EXPRESSION_WORK = 5_000_000
"""Steps times bytes that all regular expressions of a filter together may take for one event.

RE2 is linear in both, but slow if its cache of states overflows: 6 to 40 ns for each (seen: 36 s for one expression of 900
steps over a megabyte). This limit is a fifth of a second at worst. ``cost_budget`` limits what that may add up to over many
events.
"""
EXPRESSION_BYTES = PAYLOAD_BYTES // 2
"""Bytes of a text that a regular expression reads, however cheap it is. That is less than the text of a payload that was cut,
so that ``$`` never takes the cut for the end.
"""
VALUE_CHARACTERS = 100_000
"""Characters of the values at one path that are compared with a pattern."""
MOST_ITEMS = 1_000
"""Items of a list in a payload that one term compares."""
MOST_ESCAPES = 50_000
"""Backslashes of a payload that are undone before its text is searched."""
