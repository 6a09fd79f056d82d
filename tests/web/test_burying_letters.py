"""Dead letters are kept, and buried with a reason: as previewed, once, and by whoever may."""

import json
from urllib.parse import quote

import pytest

from dashboard.auditing.acts import acts
from dashboard.letters import burial_views
from dashboard.models import State
from tests.web.desk import TOPIC, Desk, attribute, hidden, text
from tests.web.letters import URL, WHY, bury, bury_preview, dead_lettered, kept
from tests.web.limits import access, limit


def test_the_desks_subscription_is_made_on_no_other_topic_and_only_once(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    desk.log.create_topic("patients-mailer-RETRY")
    desk.index()
    answer = desk.client("support").post(f"{URL}keepers/", {"of": TOPIC, "reason": WHY})
    assert answer.status_code == 404
    retry = desk.client("support").post(f"{URL}keepers/", {"of": "patients-mailer-RETRY", "reason": WHY})
    assert retry.status_code == 400 and "is no dead-letter topic" in text(retry)
    dead_lettered(desk, [0])
    kept(desk)
    assert "They are kept already" in text(desk.get(f"{URL}keepers/new/"))
    assert desk.client("support").post(f"{URL}keepers/", {"reason": WHY}).status_code == 302
    assert len(acts()) == 1


def test_letters_that_were_chosen_are_buried_and_the_others_wait(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe()
    positions = dead_lettered(desk, range(5))
    kept(desk)
    chosen = [positions[1], positions[3]]
    preview = bury_preview(desk, chosen)
    assert (attribute(preview, "data-bury"), attribute(preview, "data-event-id")) == (["2"], ["e-1", "e-3"])
    assert attribute(desk.get(URL), "data-waiting") == ["5"]
    landed = bury(desk, chosen)
    assert landed.status_code == 302
    assert "2 letters of patients-mailer-DLQ buried." in text(desk.get(landed["Location"]))
    assert attribute(desk.get(URL), "data-event-id") == ["e-0", "e-2", "e-4"]
    every = desk.get(f"{URL}?show=every")
    assert (len(attribute(every, "data-event-id")), every.content.count(b"data-acknowledged")) == (5, 2)
    act = acts(action="bury_letters")[0]
    assert (act.state, act.details["event_ids"], act.details["reason"]) == (State.DONE, ["e-1", "e-3"], WHY)


def test_all_letters_that_match_are_buried_as_previewed(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe()
    dead_lettered(desk, range(3), exception="Mailbox full")
    dead_lettered(desk, range(3, 6))
    kept(desk)
    preview = desk.get(f"{URL}burials/new/?all=1&filter={quote('property.exception:*')}")
    assert attribute(preview, "data-bury") == ["3"]
    confirmation = hidden(preview)
    dead_lettered(desk, [7], exception="Mailbox full")  # a letter that nobody has looked at
    answer = desk.client("support").post(f"{URL}burials/", {**confirmation, "reason": WHY})
    assert answer.status_code == 302
    assert attribute(desk.get(URL), "data-event-id") == ["e-3", "e-4", "e-5", "e-7"]


def test_a_search_for_letters_to_bury_or_to_export_ends_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    desk.subscribe()
    dead_lettered(desk, range(4))
    dead_lettered(desk, [4], exception="Mailbox full")
    kept(desk)
    monkeypatch.setattr(burial_views, "MOST_SEARCHED", 3)
    assert "Only the 3 oldest letters were searched" in text(desk.get(f"{URL}burials/new/?all=1&filter=id:e-1"))
    with access(**limit("support", export_rows=2)):
        exported = desk.client("support").post(f"{URL}exports/").content.splitlines()
    assert ["left_out" in json.loads(line) for line in exported] == [False, False, True]


def test_a_second_click_a_stale_preview_and_a_replayed_post_bury_nothing_and_say_why(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    positions = dead_lettered(desk, range(3))
    kept(desk)
    mine, theirs = hidden(bury_preview(desk, positions[:2])), hidden(bury_preview(desk, positions[1:], "admin"))
    url, reason = f"{URL}burials/", {"reason": WHY}
    assert desk.client("support").post(url, {**mine, **reason}).status_code == 302
    again = desk.client("support").post(url, {**mine, **reason})
    assert again.status_code == 302
    assert "buried already: the button was pressed twice" in text(desk.get(again["Location"]))
    stale = desk.client("admin").post(url, {**theirs, **reason})
    assert stale.status_code == 409
    assert "support has acted on these letters meanwhile" in text(stale)
    assert attribute(stale, "data-bury") == ["1"]
    assert attribute(desk.get(URL), "data-event-id") == ["e-2"]
    assert len(acts(action="bury_letters")) == 1


def test_without_a_reason_a_permission_or_a_keeper_nothing_is_buried(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    positions = dead_lettered(desk, range(2))
    assert "make eventdesk-redrive first" in text(bury_preview(desk, positions))
    kept(desk)
    assert bury(desk, positions, reason=" ").status_code == 422
    assert bury_preview(desk, positions, "viewer").status_code == 403
    confirmation = hidden(bury_preview(desk, positions))
    assert desk.client("viewer").post(f"{URL}burials/", {**confirmation, "reason": WHY}).status_code == 403
    assert bury_preview(desk, []).status_code == 400
    broken = desk.client("support").post(f"{URL}burials/", {**confirmation, "letters": "0:zz/.. x", "reason": WHY})
    assert broken.status_code == 400
    assert attribute(desk.get(URL), "data-waiting") == ["2"]
    assert not acts(action="bury_letters")
    assert 'name="letter"' not in desk.get(URL, "viewer").content.decode()
