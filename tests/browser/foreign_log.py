"""Events as public logs of other systems have them: made up, but with their kinds of names, ids and times.

``python -m tests.browser.foreign_log CASES`` writes them as lines for ``import_events``.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

TYPES = (
    "A_SUBMITTED",
    "A_PARTLYSUBMITTED",
    "LoanASubmitted",
    "W_Completeren aanvraag",
    "O_SENT_BACK",
    "ReleaseC",
    "ORDER_PLACED",
    "Send for Credit Collection",
)
"""In capitals, with lone letters, in other languages, with spaces."""
START = datetime(2011, 10, 1, 0, 38, 44)  # noqa: DTZ001 -- without a zone, as these logs have it
LONG_AGO = datetime(1969, 7, 20, 20, 17, 40)  # noqa: DTZ001


def foreign_log(cases: int, first: int = 2236) -> Iterator[bytes]:
    """Lines of CloudEvents: three or four events a case, whose id has a space."""
    number = 0
    for case in range(first, first + cases):
        for step in range(3 + case % 2):
            yield json.dumps(_event(number, case, step)).encode() + b"\n"
            number += 1


def _event(number: int, case: int, step: int) -> dict[str, object]:
    begins = LONG_AGO if case % 5 == 0 else START
    at = begins + timedelta(minutes=7 * case, seconds=11 * step)
    return {
        "specversion": "1.0",
        "id": f"log-{number}",
        "type": TYPES[(case + step) % len(TYPES)],
        "source": "/loans",
        "time": at.isoformat() + (".000+02:00" if case % 3 == 0 else ""),
        "aggregatetype": "LOAN_CASE",
        "aggregateid": f"Case {case}",
        "data": {
            "case concept:name": f"Case {case}",
            "AMOUNT_REQ": str(1000 + case * 17 % 49000),
            "org:resource": f"User {case % 60}" if step else None,
            "lifecycle:transition": "COMPLETE",
        },
    }


def main() -> None:
    for line in foreign_log(int(sys.argv[1])):
        sys.stdout.buffer.write(line)


if __name__ == "__main__":
    main()
