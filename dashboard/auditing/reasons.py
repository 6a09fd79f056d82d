"""What is recorded with an act: why, what exactly is confirmed, and to which case it belongs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django import forms

from eventstore.actions import Confirmation

LONGEST_REASON = 500
LONGEST_DIGEST = 200_000
"""Characters. A digest may name each of a topic's partitions."""

CASE = "case"

OpenCase = tuple[int, str]
"""The number of a case, and the name of its person."""

_open_case: ContextVar[Callable[[], OpenCase | None]] = ContextVar("open_case", default=lambda: None)


def required_text(longest: int, missing: str) -> forms.CharField:
    """A field that has to be filled in, with at most so many characters. ``missing``: what is said where it is not."""
    too_long = f"At most {longest:,} characters, please."
    return forms.CharField(max_length=longest, strip=True, error_messages={"required": missing, "max_length": too_long})


class ReasonForm(forms.Form):
    """Why it is done."""

    reason = required_text(LONGEST_REASON, "Say why, for the record: a ticket's number, or what went wrong.")

    def entered(self, name: str) -> str:
        """As it was typed, valid or not: it need not be typed again."""
        return str(self.data.get(name, ""))

    @property
    def reason_given(self) -> str:
        return self.entered("reason")


class PlanForm(ReasonForm):
    """The reason, with the plan that is confirmed."""

    digest = forms.CharField(max_length=LONGEST_DIGEST)
    since = forms.IntegerField(min_value=0)

    @property
    def confirmation(self) -> Confirmation:
        """Of a valid form."""
        return Confirmation(digest=self.cleaned_data["digest"], since=self.cleaned_data["since"])


@contextmanager
def acts_belong_to(find: Callable[[], OpenCase | None]) -> Iterator[None]:
    """What is put on the record in here of the case's own person belongs to it, if there is one: the one that they have open.

    Views do not pass it along, since none may forget to. The middleware sets it for each request.
    """
    token = _open_case.set(find)
    try:
        yield
    finally:
        _open_case.reset(token)


def with_case(details: Mapping[str, Any], actor: str) -> Mapping[str, Any]:
    """The details of an act of this actor that begins now."""
    found = _open_case.get()() if CASE not in details else None
    return {**details, CASE: found[0]} if found is not None and found[1] == actor else details
