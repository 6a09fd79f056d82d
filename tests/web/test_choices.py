"""Forms in which a field belongs to a choice, sent as a browser without scripts sends them: no filled field is ignored."""

import pytest

from tests.web.desk import Desk, attribute, text
from tests.web.resetting import preview_url

FILLED = [
    ("earliest", {"time": "2026-11-22T21:10"}, "You filled in the field of “a time”, but “the first event” is chosen."),
    ("latest", {"position": "e-1"}, "You filled in the field of “one event”, but “new events only” is chosen."),
    ("time", {"time": "2026-11-22T21:10", "position": "e-1"}, "Choose “one event”, or empty its field."),
    ("", {"position": "e-1"}, "You filled in the field of “one event”, but nothing is chosen."),
]


@pytest.mark.parametrize(("to", "fields", "said"), FILLED)
def test_a_reset_whose_filled_field_is_not_chosen_says_so_and_keeps_what_was_filled_in(
    desk: Desk, to: str, fields: dict[str, str], said: str
) -> None:
    desk.publish(5)
    desk.subscribe()
    answer = desk.get(preview_url(to, **fields))
    assert answer.status_code == 400
    assert said in text(answer)
    kept = attribute(answer, "value")
    assert all(any(value.startswith(filled) for value in kept) for filled in fields.values())
    assert 'role="alert"' in answer.content.decode()


def test_fields_that_are_sent_empty_are_no_reason(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe()
    assert desk.get(preview_url("earliest", time="", position=" ")).status_code == 200


@pytest.mark.parametrize("path", ["/topics/patients/tail/", "/tail/"])
def test_a_tail_whose_time_is_not_chosen_begins_as_chosen_and_says_so(desk: Desk, path: str) -> None:
    desk.publish(1)
    unused = desk.get(f"{path}?from=last&last=20&time=2026-11-22T21:10")
    assert unused.status_code == 200
    assert "A time is given as well, but not chosen: it is not used." in text(unused)
    for query in ("", "?from=last&last=20&time=", "?from=time&time=2026-11-22T21:10"):
        assert "not chosen" not in text(desk.get(f"{path}{query}")), query
