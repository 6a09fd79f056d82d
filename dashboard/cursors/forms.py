"""The confirmation of a preview."""

from typing import Any

from django import forms

from dashboard.auditing.reasons import PlanForm
from dashboard.rendering.text import visible


class ConfirmationForm(PlanForm):
    """The reason. If many events are affected, also the subscription's name, so that nobody confirms by habit."""

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
