"""What a person gives for a case: the ticket, why, and for how long; and a note in it."""

from datetime import timedelta

from django import forms
from django.conf import settings

from dashboard.auditing.reasons import ReasonForm, required_text
from dashboard.reveals.forms import LONGEST_TICKET

LONGEST_NOTE = 4_000
CHOICES = (1, 2, 4, 8, 12, 24, 48, 72, 168)
"""Hours that are offered, as far as the configuration lets them."""


class CaseForm(ReasonForm):
    ticket = required_text(LONGEST_TICKET, "Give the ticket, such as SUP-8812: a case is opened for one.")
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


class NoteForm(forms.Form):
    text = required_text(LONGEST_NOTE, "Write something, or leave the case as it is.")

    def clean_text(self) -> str:
        """Browsers end lines with CR LF. CR would be shown as a control character."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


def offered() -> list[int]:
    """Hours to choose from."""
    limits = settings.EVENTDESK.cases
    return sorted({limits.hours, limits.longest, *(hours for hours in CHOICES if hours < limits.longest)})
