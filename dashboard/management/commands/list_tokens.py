"""List the API tokens."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.access import tokens
from dashboard.models import ApiToken


class Command(BaseCommand):
    help = (
        "List every API token: name, role, purpose, state, last use and limits. The tokens themselves are nowhere to be read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for token in tokens.every():
            used = f"last used {_day(token.last_used)}" if token.last_used else "never used"
            self.stdout.write(
                f"{token.name}\t{token.role}\t{token.get_purpose_display()}\t{_state(token)}\t{used}{_limits(token)}"
            )


def _limits(token: ApiToken) -> str:
    said = {"topics": token.topics, "aggregate types": token.aggregate_types}
    return "".join(f"\t{what}: {' '.join(globs)}" for what, globs in said.items() if globs)


def _state(token: ApiToken) -> str:
    if token.revoked:
        return f"revoked {_day(token.revoked)}"
    return f"{'holds until' if token.in_force(datetime.now(UTC)) else 'ended'} {_day(token.ends)}"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
