"""What a person gives for a case: the ticket, why, and for how long; and a note in it."""

from datetime import timedelta

from django import forms
from django.conf import settings

from dashboard.auditing.reasons import ReasonForm
from dashboard.reveals.forms import LONGEST_TICKET

LONGEST_NOTE = 4_000
CHOICES = (1, 2, 4, 8, 12, 24, 48, 72, 168)
"""Hours that are offered, as far as the configuration lets them."""


class CaseForm(ReasonForm):
    ticket = forms.CharField(
        max_length=LONGEST_TICKET,
        strip=True,
        error_messages={
            "required": "Give the ticket, such as SUP-8812: a case is opened for one.",
            "max_length": f"At most {LONGEST_TICKET} characters, please.",
        },
    )
    hours = forms.IntegerField(required=False, min_value=1)

    def clean_hours(self) -> int:
        hours = self.cleaned_data["hours"] or settings.EVENTDESK.cases.hours
        if hours > settings.EVENTDESK.cases.longest:
            raise forms.ValidationError(f"At most {settings.EVENTDESK.cases.longest} hours.")
        return int(hours)

    @property
    def lasts(self) -> timedelta:
        """Of a valid form."""
        return timedelta(hours=self.cleaned_data["hours"])

    def entered(self, name: str) -> str:
        """As it was typed, valid or not."""
        return str(self.data.get(name, ""))


class NoteForm(forms.Form):
    text = forms.CharField(
        max_length=LONGEST_NOTE,
        strip=True,
        error_messages={
            "required": "Write something, or leave the case as it is.",
            "max_length": f"At most {LONGEST_NOTE:,} characters, please.",
        },
    )

    def clean_text(self) -> str:
        """Browsers end lines with CR LF. CR would be shown as a control character."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


def offered() -> list[int]:
    """Hours to choose from."""
    limits = settings.EVENTDESK.cases
    return sorted({limits.hours, limits.longest, *(hours for hours in CHOICES if hours < limits.longest)})
