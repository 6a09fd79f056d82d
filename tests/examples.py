"""How many examples a property test tries: a tenth in ``make check``, a third in ``make test``, all in ``make soak``."""

import os

PARTS = {"quick": 10, "thorough": 1}
PART = PARTS.get(os.environ.get("EVENTDESK_TESTS", ""), 3)
FEWEST = 10
OF_A_TEST = 100
"""Hypothesis' own number, for a test that names none."""


def examples(many: int = OF_A_TEST) -> int:
    """Return how many examples of this many to try now."""
    return min(many, max(FEWEST, many // PART))
