"""What the forms that ask for a job share: the speed, and what was said of a form that is shown again."""

from dataclasses import dataclass

from django import forms

FASTEST = 1_000_000


def speed_field(one: str) -> forms.IntegerField:
    """The most that a job handles in a second, or nothing. ``one``: what it handles ("letter")."""
    return forms.IntegerField(
        required=False,
        min_value=1,
        max_value=FASTEST,
        error_messages={
            "invalid": f"A whole number of {one}s a second, or nothing.",
            "min_value": f"At least 1 {one} a second, or nothing.",
            "max_value": f"At most {FASTEST:,} {one}s a second, or nothing.",
        },
    )


def speed_of(form: forms.Form) -> float | None:
    """Return the speed of a valid form with a ``speed_field`` named ``throttle``."""
    entered = form.cleaned_data["throttle"]
    return float(entered) if entered else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Why a preview is shown again, and with which status."""

    status: int = 200
    notice: str = ""
    form: forms.Form | None = None

    def entered(self, name: str) -> str:
        return str(self.form.data.get(name, "")) if self.form is not None else ""

    @property
    def reason(self) -> str:
        return self.entered("reason")

    @property
    def throttle(self) -> str:
        return self.entered("throttle")
