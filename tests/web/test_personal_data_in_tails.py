"""No personal data reaches anybody who may not see it through a websocket, for the page or for scripts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard import gateway
from dashboard.rendering import event_json, event_line_builder
from dashboard.rendering.story import Story
from dashboard.sockets.tail import threads
from tests.people import person
from tests.web.desk import Desk
from tests.web.walk.logged import everything_logged
from tests.web.walk.markers import MARKERS
from tests.web.walk.planted import furnished
from tests.web.walk.roles import logged_in
from tests.web.walk.sockets import ROUTES, cookie_of, said_to


@pytest.fixture
def desk(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk, with threads of its own for tails: they end with it, and their connections to the databases."""
    with ThreadPoolExecutor(2) as pool, furnished() as opened:
        for name in ("_opening", "_reading"):
            monkeypatch.setattr(threads, name, pool)
        yield opened


def all_said(*, script: bool) -> list[str]:
    """Everything that a viewer is sent by any socket, in the form of the page or of scripts."""
    try:
        return said_to(person("viewer"), cookie_of(logged_in("viewer")), script=script)
    finally:
        gateway.close()  # the tails' threads end


@pytest.mark.parametrize("script", [False, True])
def test_no_socket_sends_personal_data(desk: Desk, script: bool) -> None:
    with everything_logged() as lines:
        said = all_said(script=script)
    assert sum('"count":' in text for text in said) >= len(ROUTES), "the tails are empty"
    assert [text for text in said if MARKERS.found_in(text)] == []
    assert [line for line in lines if MARKERS.found_in(line)] == []


def test_a_frame_that_shows_a_value_directly_is_caught(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_line_builder, "story_of", lambda event, profile: Story((str(event.data),)))
    monkeypatch.setattr(event_json, "_seen", lambda key, *_: key)
    for script in (False, True):
        said = all_said(script=script)
        assert any(MARKERS.found_in(text) for text in said), script
