"""How many random examples a property test tries: all of them in ``make test``, a tenth in ``make check``."""

import os

QUICK = os.environ.get("EVENTDESK_TESTS") == "quick"
FEWEST = 10
OF_A_TEST = 100
"""Hypothesis' own number, for a test that names none."""


def examples(many: int = OF_A_TEST) -> int:
    """Return how many examples of this many to try now."""
    return max(FEWEST, many // 10) if QUICK else many
