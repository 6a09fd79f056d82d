"""What a person gives for the record with an act: why, and what exactly is confirmed."""

from django import forms

from eventstore.actions import Confirmation

LONGEST_REASON = 500
LONGEST_DIGEST = 200_000
"""Characters. A digest may name each of a topic's partitions."""


class ReasonForm(forms.Form):
    """Why it is done."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        strip=True,
        error_messages={
            "required": "Say why, for the record: a ticket's number, or what went wrong.",
            "max_length": f"At most {LONGEST_REASON} characters, please.",
        },
    )

    @property
    def reason_given(self) -> str:
        """As it was typed, valid or not: it need not be typed again."""
        return str(self.data.get("reason", ""))


class PlanForm(ReasonForm):
    """The reason, with the plan that is confirmed."""

    digest = forms.CharField(max_length=LONGEST_DIGEST)
    since = forms.IntegerField(min_value=0)

    @property
    def confirmation(self) -> Confirmation:
        """Of a valid form."""
        return Confirmation(digest=self.cleaned_data["digest"], since=self.cleaned_data["since"])
