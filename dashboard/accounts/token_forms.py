"""What an admin gives for an API token."""

from django import forms

from dashboard.access import tokens
from dashboard.auditing.reasons import ReasonForm
from dashboard.models import Purpose, Role

LONGEST_TEXT = tokens.MOST_GLOBS * (tokens.LONGEST_GLOB + 2)
ROLES = [(str(role), str(role.label)) for role in Role if role]


class TokenForm(ReasonForm):
    name = forms.CharField(max_length=150, error_messages={"required": "Give a name."})
    purpose = forms.ChoiceField(choices=Purpose.choices)
    role = forms.ChoiceField(choices=ROLES)
    topics = forms.CharField(required=False, max_length=LONGEST_TEXT)
    aggregate_types = forms.CharField(required=False, max_length=LONGEST_TEXT)
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.MOST_DAYS,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"A whole number from 1 to {tokens.MOST_DAYS:,}."
        ),
    )

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        tokens.check_name(name)
        return name

    def clean_topics(self) -> list[str]:
        return _globs(self.cleaned_data["topics"])

    def clean_aggregate_types(self) -> list[str]:
        return _globs(self.cleaned_data["aggregate_types"])

    @property
    def narrowed(self) -> tokens.Narrowed:
        """Of a valid form."""
        given = self.cleaned_data
        return tokens.Narrowed(
            purpose=Purpose(given["purpose"]), topics=given["topics"], aggregate_types=given["aggregate_types"]
        )


def _globs(text: str) -> list[str]:
    """One a line. Spaces around it are not its own."""
    globs = [line.strip() for line in text.splitlines() if line.strip()]
    if problem := tokens.glob_problem(globs):
        raise forms.ValidationError(problem)
    return globs
