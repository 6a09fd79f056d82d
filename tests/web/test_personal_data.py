"""No personal data reaches anybody who may not see it, nor a log, nor the record: a walk over everything that is answered.

Words are planted in the store wherever a publisher may write about people (``walk.planted``), and looked for in every form
(``walk.markers``). The walk knows every route by its parts: a new part needs a row in ``walk.pages``.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.template import engines
from django.template.loaders.filesystem import Loader
from django.test import Client

from dashboard.models import AuditEntry
from dashboard.rendering import event_line_builder
from dashboard.rendering.story import Story
from tests.planted_replay import JOB
from tests.web.desk import NAME, TOPIC, Desk
from tests.web.walk.acts import has_forms, posted
from tests.web.walk.logged import everything_logged
from tests.web.walk.markers import MARKERS, Markers
from tests.web.walk.pages import ROUTES, Answer, addresses, asked, crawled
from tests.web.walk.planted import HELD, PATIENT, furnished
from tests.web.walk.roles import ACTOR, WALKS, logged_in, routes_of

RULES_PAGE, NAME_OF_A_FIELD = "GET /masking/", "'s name"
"""The one page that shows names of fields: whoever writes rules has to know them."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished() as opened:
        yield opened


def leaks(answers: Sequence[Answer]) -> list[str]:
    """Where each word came out, of these answers."""
    return [
        f"{answer.address}: {found} (seed {MARKERS.seed})"
        for answer in answers
        for part in (answer.headers, answer.body)
        for found in MARKERS.found_in(part)
        if not (answer.address.startswith(RULES_PAGE) and NAME_OF_A_FIELD in found)
    ]


@pytest.mark.parametrize("role", WALKS)
def test_no_page_and_no_log_shows_personal_data(desk: Desk, role: str) -> None:
    client, routes = logged_in(role), routes_of(role)
    with everything_logged() as lines:
        answers = list(crawled(client, routes))
        answers += [asked(client, addresses(route)[0], "head") for route in routes]
        answers += posted(client, list(answers))
    assert leaks(answers) == []
    assert [line for line in lines if MARKERS.found_in(line)] == []
    assert [answer.address for answer in answers if answer.status >= 500] == []
    assert {answer.status for answer in answers} >= {200, 404}, "the walk has lost its way"


def test_what_people_do_leaves_no_personal_data_in_the_record_nor_in_the_log_nor_on_what_viewers_see(desk: Desk) -> None:
    with everything_logged() as lines:
        client = logged_in(ACTOR)
        pages = [asked(client, address) for route in ROUTES if has_forms(route) for address in addresses(route)]
        done = list(posted(client, pages))
    assert [answer.address for answer in done if answer.status >= 500] == []
    assert AuditEntry.objects.count() > 5, "the walk has done nothing"
    assert [entry for entry in AuditEntry.objects.values() if MARKERS.found_in(str(entry))] == []
    assert [line for line in lines if MARKERS.found_in(line)] == []
    places = ["/", "/jobs/", "/replays/", f"/topics/{TOPIC}/subscriptions/{NAME}/moves/", f"/replays/{JOB}/", f"/jobs/{JOB}/"]
    assert leaks([asked(logged_in("viewer"), place) for place in places]) == []
    assert leaks([asked(logged_in("auditor"), "/audit/")]) == []


def test_the_search_box_answers_a_viewer_the_same_whether_a_value_exists_or_not(desk: Desk) -> None:
    client = logged_in("viewer")
    absent = Markers(MARKERS.seed + 1).word("nothing")
    expected = found_by(client, absent)
    assert len(MARKERS.words) > 50
    for word in MARKERS.words.values():
        assert found_by(client, word) == expected, word


def found_by(client: Client, word: str) -> str:
    answer = asked(client, f"/aggregates/?{urlencode({'q': word})}", headers={"HX-Request": "true"})
    body = re.sub(r"\d+ (second|minute)s?", "a while", answer.body.lower().replace(word.lower(), "WORD"))
    body = re.sub(r"as of \d\d:\d\d:\d\d", "as of then", body)
    return f"{answer.status} {body}"


# -- the walk itself finds what it looks for

PRINTED: Sequence[tuple[str, str, str, str]] = (
    ("events/show.html", "{% block title %}", "{{ detail.event.subject }}", f"/events/{HELD}/"),
    ("events/show.html", "{% block content %}", '<p title="{{ detail.event.message.key }}"></p>', f"/events/{HELD}/"),
    ("events/_payload.html", "", "{{ detail.event.data }}", f"/events/{HELD}/?payload=all"),
    (
        "topics/show.html",
        "{% block content %}",
        "{% for r in page.items %}{{ r.event.message.properties }}{% endfor %}",
        f"/topics/{TOPIC}/",
    ),
    (
        "topics/show.html",
        "{% block content %}",
        "{% for r in page.items %}{{ r.event.data }}{% endfor %}",
        f"/topics/{TOPIC}/",
    ),
    ("aggregates/_detail.html", "", "{{ detail.event.attributes }}", f"/aggregates/patient/{PATIENT}/"),
    ("topic_details/index.html", "{% block content %}", "{{ functions.0.function.errors }}", f"/topics/{TOPIC}/details/"),
)
"""A template, behind what of it, what it prints directly, and the page that must be caught. Empty: at its beginning."""


@contextmanager
def printing(template: str, behind: str, text: str) -> Iterator[None]:
    """The template prints this as well."""
    plain = Loader.get_contents

    def contents(loader: Loader, origin: Any) -> str:
        whole = plain(loader, origin)
        if not str(origin.name).endswith(f"templates/{template}"):
            return whole
        assert behind in whole
        return whole.replace(behind, behind + text, 1) if behind else text + whole

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Loader, "get_contents", contents)
        forget_templates()
        try:
            yield
        finally:
            forget_templates()


def forget_templates() -> None:
    for loader in engines["django"].engine.template_loaders:  # type: ignore[attr-defined]
        loader.reset()


def test_a_template_that_prints_a_value_directly_is_caught(desk: Desk) -> None:
    client = logged_in("viewer")
    for template, behind, text, page in PRINTED:
        assert leaks([asked(client, page)]) == []
        with printing(template, behind, text):
            assert leaks([asked(client, page)]), (template, text)


def test_a_row_that_shows_a_value_directly_is_caught_on_each_page_with_rows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_line_builder, "story_of", lambda event, profile: Story((str(event.data),)))
    client = logged_in("viewer")
    subscription = f"/topics/{TOPIC}/subscriptions/{NAME}/"
    for page in (
        f"/topics/{TOPIC}/",
        f"/aggregates/patient/{PATIENT}/",
        f"{subscription}dead-letters/",
        f"{subscription}waiting/",
    ):
        assert leaks([asked(client, page)]), page
