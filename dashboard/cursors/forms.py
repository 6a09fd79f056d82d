"""The confirmation of a preview."""

from typing import Any

from django import forms

from dashboard.rendering.text import visible
from eventstore.actions import Confirmation

LONGEST_REASON = 500
LONGEST_DIGEST = 200_000
"""Characters. A digest may name each of a topic's partitions."""


class ConfirmationForm(forms.Form):
    """The reason. If many events are affected, also the subscription's name, so that nobody confirms by habit."""

    digest = forms.CharField(max_length=LONGEST_DIGEST)
    since = forms.IntegerField(min_value=0)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        strip=True,
        error_messages={
            "required": "Say why, for the record: a ticket's number, or what went wrong.",
            "max_length": f"At most {LONGEST_REASON} characters, please.",
        },
    )
    typed = forms.CharField(required=False, strip=False, max_length=4096)

    def __init__(self, *args: Any, must_type: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.must_type = must_type

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        # Some characters cannot be seen, let alone typed: as the page writes them is good enough.
        if self.must_type and typed.strip() not in (self.must_type.strip(), visible(self.must_type).strip()):
            raise forms.ValidationError("This is not the subscription's name. Type it exactly as it is written above.")
        return typed

    @property
    def confirmation(self) -> Confirmation:
        """Of a valid form."""
        return Confirmation(digest=self.cleaned_data["digest"], since=self.cleaned_data["since"])

    @property
    def reason_given(self) -> str:
        """As it was typed, valid or not: it need not be typed again."""
        return str(self.data.get("reason", ""))
