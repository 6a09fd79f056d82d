"""What a person gives for a reveal: why, for which ticket, what, and for how long."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from dashboard.auditing.reasons import ReasonForm, required_text

LONGEST_TICKET = 200
CHOICES = (5, 10, 15, 30, 60, 120, 240, 480, 1440)
"""Minutes that are offered, as far as the configuration lets them."""


class RevealForm(ReasonForm):
    """``emergency``: by somebody without the right, who may have less time."""

    ticket = required_text(LONGEST_TICKET, "Give the ticket, such as SUP-8812. If there is none, say so.")
    kind = forms.CharField(required=False, max_length=12)
    minutes = forms.IntegerField(required=False, min_value=1)

    def __init__(self, data: Mapping[str, Any] | None = None, *, emergency: bool = False) -> None:
        super().__init__(data)
        self.usual, self.longest = times(emergency=emergency)

    def clean_minutes(self) -> int:
        minutes = self.cleaned_data["minutes"] or self.usual
        if minutes > self.longest:
            raise forms.ValidationError(f"At most {self.longest} minutes.")
        return int(minutes)

    @property
    def lasts(self) -> timedelta:
        """Of a valid form."""
        return timedelta(minutes=self.cleaned_data["minutes"])


def times(*, emergency: bool) -> tuple[int, int]:
    """What a reveal lasts if nothing is chosen, and at most, in minutes."""
    limits = settings.EVENTDESK.reveals
    if emergency:
        return min(limits.minutes, limits.emergency_minutes), limits.emergency_minutes
    return limits.minutes, limits.longest


def offered(usual: int, longest: int) -> list[int]:
    """Minutes to choose from."""
    return sorted({usual, longest, *(minutes for minutes in CHOICES if minutes < longest)})
