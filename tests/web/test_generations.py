"""A generation's page: compared with the present one, promoted, and discarded, by those who may."""

from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import reverse

from dashboard import gateway
from eventstore.config.loading import parse_config
from eventstore.model.subscriptions import SubscriptionType
from eventstore.projections.read_models import ReadModels
from tests.unit.projections.server import answering, serving
from tests.web.desk import NAME, TOPIC, Desk, attribute, text

V2 = f"{NAME}-v2"
DECLARED = f"""
[replays]
hosts = ["HOST"]

[[projection]]
name = "app"
purpose = "What patients see"
topics = ["{TOPIC}"]
subscription = "{NAME}"
status = "http://HOST/of/{{subscription}}"

[[projection]]
name = "search"
purpose = "What helpers find"
topics = ["{TOPIC}"]
subscription = "{NAME}-v9"
"""


@pytest.fixture
def generations(desk: Desk) -> Iterator[Desk]:
    """A declared projection with two generations: the present one has handled all ten events, the next one four."""
    with (
        serving(answering(200, b'{"documents": 4120}')) as service,
        override_settings(EVENTDESK=parse_config(DECLARED.replace("HOST", service.host), "desk.toml")),
    ):
        gateway.close()  # the next use opens it with these settings
        desk.publish(10)
        desk.subscribe(handled=10)
        desk.subscribe(V2, handled=4)
        yield desk
        gateway.close()


def url(view: str = "generation", generation: str = V2) -> str:
    return reverse(view, args=["app", generation])


def form(answer: HttpResponse, number: int) -> dict[str, str]:
    """What the page's form with this number sends, with a reason."""
    digests, since = attribute(answer, 'name="digest" value'), attribute(answer, 'name="since" value')
    return {"digest": digests[number], "since": since[number], "reason": "SUP-1"}


def test_a_generation_is_shown_beside_the_present_one_with_what_has_to_change(generations: Desk) -> None:
    answer = generations.get(url())
    assert attribute(answer, "data-generation") == [NAME, V2]
    assert attribute(answer, "data-same") == ["yes"]
    shown = text(answer)
    assert "10 of 10" in shown and "4 of 10" in shown
    assert "It is behind" in shown and "No consumer of it is connected" in shown
    assert f'subscription = "{V2}"' in shown
    assert f'href="{url()}"' in generations.get(reverse("projection", args=["app"])).content.decode()


def test_the_present_one_is_neither_promoted_nor_discarded_and_an_unknown_one_is_not_found(generations: Desk) -> None:
    assert "present generation" in text(generations.get(url(generation=NAME)))
    refused = generations.client().post(url("generation_discards", NAME), {"digest": "x", "since": "0", "reason": "SUP-1"})
    assert (refused.status_code, "configuration names it" in text(refused)) == (409, True)
    assert generations.get(url(generation=f"{NAME}-v3")).status_code == 404


def test_nothing_is_asked_of_a_read_model_for_a_name_that_is_no_generation(
    generations: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ReadModels, "of", lambda self, projection, name: asked.append(name))
    for name in ("anything", f"{NAME}-v3"):
        assert generations.get(url(generation=name)).status_code == 404
    assert asked == []
    generations.get(url())
    assert sorted(asked) == [NAME, V2]


def test_only_the_generation_that_was_promoted_last_counts_as_promoted(generations: Desk) -> None:
    generations.subscribe(f"{NAME}-v3")
    for name in (V2, f"{NAME}-v3"):
        shown = generations.get(url(generation=name))
        assert "name the old generation in it again" in text(shown)
        assert generations.client().post(url("generation_promotions", name), form(shown, 0)).status_code == 302
    pages = [generations.get(url(generation=name)).content.decode() for name in (V2, f"{NAME}-v3")]
    assert ["data-promoted" in page for page in pages] == [False, True]


def test_another_projections_subscription_is_neither_shown_as_a_generation_nor_discarded(generations: Desk) -> None:
    generations.subscribe(f"{NAME}-v9", handled=4)
    assert f"{NAME}-v9" not in text(generations.get(reverse("projection", args=["app"])))
    assert generations.get(url(generation=f"{NAME}-v9")).status_code == 404
    refused = generations.client().post(
        url("generation_discards", f"{NAME}-v9"), {"digest": "x", "since": "0", "reason": "SUP-1"}
    )
    assert refused.status_code == 404
    assert f"{NAME}-v9" in [one.name for one in generations.subscriptions.of_topic(TOPIC)]


def test_where_nothing_is_declared_an_older_generation_is_not_discarded(desk: Desk) -> None:
    desk.publish(3)
    for name in (NAME, V2):
        desk.subscribe(name)
    answer = desk.get(reverse("generation", args=[f"{TOPIC}/{V2}", NAME]))
    assert "it may be the one in use" in text(answer)
    assert "nothing says which of its generations is in use" in text(answer)
    assert "present generation" not in text(desk.get(reverse("generation", args=[f"{TOPIC}/{V2}", V2])))


def test_promoting_is_on_the_record_and_asks_for_a_reason(generations: Desk) -> None:
    sent = form(generations.get(url()), 0)
    assert generations.client().post(url("generation_promotions"), {**sent, "reason": ""}).status_code == 422
    assert generations.client("viewer").post(url("generation_promotions"), sent).status_code == 403
    assert generations.client().post(url("generation_promotions"), sent).status_code == 302
    answer = generations.get(url())
    assert "Promoted" in text(answer) and "data-promoted" in answer.content.decode()
    assert "Promote generation" in text(generations.get("/audit/"))


def test_a_generation_is_discarded_once_and_not_while_a_consumer_is_connected(generations: Desk) -> None:
    sent = form(generations.get(url()), 1)
    with generations.subscriptions.consume(TOPIC, V2, type=SubscriptionType.SHARED, consumer="c"):
        assert "Stop the consumers" in text(generations.get(url()))
        assert generations.client().post(url("generation_discards"), sent).status_code == 409
    answer = generations.client().post(url("generation_discards"), sent)
    assert answer.status_code == 302
    assert [one.name for one in generations.subscriptions.of_topic(TOPIC)] == [NAME]
    assert "was discarded" in text(generations.get(answer["Location"]))


def test_a_viewer_sees_the_comparison_and_no_form(generations: Desk) -> None:
    answer = generations.get(url(), "viewer")
    assert attribute(answer, "data-generation") == [NAME, V2]
    assert "<textarea" not in answer.content.decode()
