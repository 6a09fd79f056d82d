"""Projections: the list, one of them, and a subscription that none names."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test.utils import override_settings
from django.urls import reverse

from dashboard import gateway
from dashboard.subscriptions import backlog_cache
from eventstore.actions import Actor, subscription_resource
from eventstore.backlogs.face import BacklogFace
from eventstore.config.loading import parse_config
from eventstore.jobs.models import JobRow
from eventstore.replays import REPLAY_EVENTS
from tests.unit.projections.server import answering, serving
from tests.unit.replays.test_order import ORDER
from tests.web.desk import NAME, TOPIC, Desk, attribute, text

LIST = "/projections/"
ACTOR = Actor(name="support")
DECLARED = f"""
[replays]
hosts = ["HOST"]
events_a_day = 7000

[[projection]]
name = "app"
purpose = "What patients see in <their> app"
owner = "Team App"
topics = ["{TOPIC}", "letters"]
subscription = "{NAME}"
ways = ["topic", "cursor"]
replay_topic = "{TOPIC}-replay"
side_effects = {{ LetterSent = "sends a letter" }}
status = "http://HOST/of/{{subscription}}"
limits = {{ approval_above = 12 }}
"""


@pytest.fixture
def declared(desk: Desk) -> Iterator[Desk]:
    """A desk with a declared projection of three generations, whose read model answers."""
    with serving(answering(200, b'{"documents": 4120}')) as service:
        config = parse_config(DECLARED.replace("HOST", service.host), "desk.toml")
        with override_settings(EVENTDESK=config, EVENTDESK_HOOK_SECRET="s" * 40):
            gateway.close()  # the next use opens it with these settings
            desk.publish(10)
            for name, handled in ((NAME, 4), (f"{NAME}-v2", 0), ("other", 10)):
                desk.subscribe(name, handled=handled)
            yield desk
            gateway.close()


def url(name: str) -> str:
    return reverse("projection", args=[name])


def test_without_anything_the_list_says_so_and_loads_again_once_there_is_something(desk: Desk) -> None:
    assert "No projection yet" in text(desk.get(LIST))
    desk.publish(1)
    assert desk.refreshed_empty(LIST).status_code == 204
    desk.subscribe()
    assert desk.refreshed_empty(LIST)["HX-Refresh"] == "true"
    assert "No projection is declared in the configuration file" in text(desk.get(LIST))


def test_the_list_has_the_declared_ones_and_subscriptions_that_none_names(declared: Desk) -> None:
    declared.log.create_topic(f"{TOPIC}-replay")
    declared.subscribe("mailer", topic=f"{TOPIC}-replay")
    answer = declared.get(LIST)
    assert attribute(answer, "data-projection") == ["app"]
    assert attribute(answer, "data-waiting") == ["6"]
    assert attribute(answer, "data-undeclared") == ["other"], "no generation, and none of a derived topic"
    shown = text(answer)
    assert "What patients see in <their> app" in shown
    assert "1 of 2" in shown
    assert "no topic letters" in shown
    assert f'href="{url(f"{TOPIC}/other")}"' in answer.content.decode()
    assert declared.get(LIST, fragment=True).content.startswith(b'<div id="live"')


def test_a_projection_has_its_state_its_generations_and_what_is_declared(declared: Desk) -> None:
    answer = declared.get(url("app"))
    assert attribute(answer, "data-generation") == ["1", "2"]
    shown = text(answer)
    for part in (
        "What patients see in <their> app · Team App",
        "There is no topic letters.",
        f"There is no replay topic {TOPIC}-replay.",
        "LetterSent: sends a letter",
        "more than 12 events, or of all, or of events with side effects",
        "7,000 events in 24 hours",
        "Send copies to its replay topic",
        "Nothing was replayed to it lately",
    ):
        assert part in shown, part
    assert "Build a new generation" not in shown, "a way that it does not take"
    declared.log.create_topic(f"{TOPIC}-replay")
    assert "Nothing consumes the replay topic." in text(declared.get(url("app")))
    declared.subscribe(topic=f"{TOPIC}-replay")
    found = declared.get(url("app"), fragment=True)
    assert b'data-figure="replay-waiting">0<' in found.content
    assert b"<h1>" not in found.content


def test_the_last_replay_of_a_quiet_projection_is_found_behind_any_number_of_others(declared: Desk) -> None:
    declared.client()
    jobs, of = declared.faces.jobs, subscription_resource(TOPIC, f"{NAME}-v2")
    jobs.cancel(ACTOR, jobs.enqueue(REPLAY_EVENTS, of, ORDER.as_json(), actor=ACTOR, reason="SUP-1").id)
    row = JobRow.objects.get()
    same = {field.attname: getattr(row, field.attname) for field in JobRow._meta.concrete_fields if not field.primary_key}
    JobRow.objects.bulk_create(JobRow(**{**same, "id": f"{one:012x}", "resource_key": "another"}) for one in range(101))
    assert "Nothing was replayed to it lately" not in text(declared.get(url("app")))
    assert reverse("replay", args=[row.id]) in declared.get(LIST).content.decode()


def test_the_pages_of_projections_do_not_wait_for_what_is_stored_meanwhile(
    declared: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(self: BacklogFace) -> None:
        raise AssertionError("what was seen has been returned already")

    monkeypatch.setattr(backlog_cache, "FRESH", timedelta(hours=1))
    declared.get(LIST)
    monkeypatch.setattr(BacklogFace, "last_known", waits)
    assert attribute(declared.get(LIST), "data-waiting") == ["6"]
    assert attribute(declared.get(url("app")), "data-generation") == ["1", "2"]


def test_each_way_that_it_takes_leads_to_the_plan_of_a_replay_for_those_who_may(declared: Desk) -> None:
    for name, ways in (("app", ["topic", "cursor"]), (f"{TOPIC}/other", ["cursor", "generation"])):
        page = declared.get(url(name)).content.decode()
        plans = [unescape(plan) for plan in re.findall(rf'href="({reverse("replay_new")}[^"]*)"', page)]
        assert [parse_qs(urlsplit(plan).query).get("way", [""])[0] for plan in plans] == ["", *ways]
        assert {parse_qs(urlsplit(plan).query)["projection"][0] for plan in plans} == {name}
        assert {declared.get(plan).status_code for plan in plans} <= {200, 409}
    shown = declared.get(url("app"), "viewer")
    assert reverse("replay_new") not in shown.content.decode()
    assert "Replaying requires role support, approver or admin." in text(shown)


def test_a_subscriptions_page_leads_to_its_projection(declared: Desk) -> None:
    for name, projection in ((NAME, "app"), (f"{NAME}-v2", "app"), ("other", f"{TOPIC}/other")):
        page = declared.get(reverse("subscription", args=[TOPIC, name])).content.decode()
        assert f'href="{url(projection)}"' in page


def test_a_generation_and_the_declared_subscription_itself_lead_to_the_projection(declared: Desk) -> None:
    for name in (NAME, f"{NAME}-v2"):
        assert attribute(declared.get(url(f"{TOPIC}/{name}")), "data-projection") == ["app"]


def test_what_the_read_model_tells_is_asked_for_apart(declared: Desk) -> None:
    assert "4120" not in text(declared.get(url("app")))
    whole, part = declared.get(f"{url('app')}?part=status"), declared.get(f"{url('app')}?part=status", fragment=True)
    assert "documents4120" in text(whole).replace(" ", "")
    assert part.content.startswith(b"<dl")


def test_a_service_that_is_down_is_named_with_its_trouble(declared: Desk) -> None:
    gone = parse_config(DECLARED.replace("HOST", "127.0.0.1:1"), "desk.toml")
    with override_settings(EVENTDESK=gone):
        gateway.close()
        assert "127.0.0.1:1 cannot be reached" in text(declared.get(f"{url('app')}?part=status"))


def test_a_subscription_that_none_names_says_what_can_be_done_and_what_to_declare(declared: Desk) -> None:
    answer = declared.get(url(f"{TOPIC}/other"))
    shown = text(answer)
    assert f"No projection in the configuration names this subscription of {TOPIC}." in shown
    assert "Move its cursor back" in shown
    assert "Build a new generation" in shown
    assert "Send copies" not in shown
    found = re.search(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    assert found
    (projection,) = parse_config(unescape(found[1]), "copied.toml").projections
    assert (projection.name, projection.topics, projection.subscription) == ("other", (TOPIC,), "other")


def test_a_declaration_can_be_copied_for_any_name(desk: Desk) -> None:
    name = "\"quoted\" \\ 'and' <b> ü/é"
    desk.publish(1)
    desk.subscribe(name)
    answer = desk.get(url(f"{TOPIC}/{name}"))
    found = re.search(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    assert found
    (projection,) = parse_config(unescape(found[1]), "copied.toml").projections
    assert (projection.subscription, projection.name) == (name, "quoted-and-b")


def test_a_group_that_keeps_its_positions_elsewhere_cannot_be_given_events_again(desk: Desk) -> None:
    external = parse_config('[[subscription]]\nname = "gateway"\npositions = "external"\n', "desk.toml")
    with override_settings(EVENTDESK=external):
        gateway.close()
        desk.publish(1)
        desk.subscribe("gateway")
        shown = text(desk.get(url(f"{TOPIC}/gateway")))
        assert "Its consumers keep their place outside the store" in shown
        assert "Move its cursor back" not in shown
        gateway.close()


@pytest.mark.parametrize("name", ["app", "patients/gone", "gone/mailer", "/", "a b", "patients/"])
def test_a_name_of_nothing_is_not_found(desk: Desk, name: str) -> None:
    desk.publish(1)
    answer = desk.get(url(name))
    assert answer.status_code == 404
    assert "No such projection" in text(answer)
