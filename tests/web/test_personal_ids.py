"""Personal ids: people without the right see handles, and no page, however asked, tells whether an id exists."""

import io
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import reverse

from dashboard.auditing.chain import DatabaseRecord
from dashboard.auditing.entries import as_meant, resource_of
from dashboard.management.left_open import what_the_store_shows
from dashboard.models import AuditEntry
from dashboard.privacy import handle_of
from dashboard.privacy.by_reason import cases
from dashboard.running.log_lines import LogFormatter
from eventstore.actions import Actor, Resource
from eventstore.replays import Kind, What
from tests.databases import filled_once
from tests.people import person
from tests.planted import cloud_event
from tests.web.desk import NAME, TOPIC, Desk, text
from tests.web.personal import ABSENT, ID, OTHER, addresses, furnish_patients, personal_desk
from tests.web.replaying import PROJECTION, confirm, plan
from tests.web.resetting import reset

MASKED, SEES = "viewer", "admin"


@pytest.fixture
def handle(desk: Desk) -> Iterator[str]:
    with personal_desk(desk) as handle:
        filled_once("two patients", lambda: furnish_patients(desk))
        yield handle


def whole(answer: HttpResponse) -> str:
    """All that is sent, and where it leads."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return body.decode("utf-8", "replace") + str(answer.headers)


def tells_nothing(answer: HttpResponse, name: str) -> None:
    assert ID not in whole(answer), name
    assert OTHER not in whole(answer), name


@pytest.mark.parametrize("role", [MASKED, "support", "approver"])
def test_no_page_shows_a_personal_id(desk: Desk, handle: str, role: str) -> None:
    statuses = {}
    for name, url in addresses(handle).items():
        answer = desk.get(url, role)
        tells_nothing(answer, name)
        statuses[name] = answer.status_code
    assert {name for name, status in statuses.items() if status not in (200, 302, 403)} == set()


def test_fragments_show_no_personal_id_either(desk: Desk, handle: str) -> None:
    for name, url in addresses(handle).items():
        tells_nothing(desk.get(url, MASKED, fragment=True), name)


def test_the_aggregates_page_shows_its_handle_in_place_of_its_id(desk: Desk, handle: str) -> None:
    answer = desk.get(reverse("aggregate", args=["patient", handle]), MASKED)
    assert answer.status_code == 200
    assert handle in whole(answer)
    assert desk.get(f"/aggregates/?q={handle}", MASKED)["Location"] == reverse("aggregate", args=["patient", handle])


def test_whoever_sees_values_sees_the_id_and_the_addresses_have_the_handle(desk: Desk, handle: str) -> None:
    answer = desk.get(reverse("aggregate", args=["patient", handle]), SEES)
    assert f'title="{ID}"' in whole(answer)
    assert f"/aggregates/patient/{ID}" not in whole(answer)
    assert f"aggregate_id={ID}" not in whole(answer)
    found = desk.get(f"/aggregates/?q={ID}", SEES)
    assert f"/aggregates/patient/{handle}/" in whole(found)


def test_an_address_of_before_leads_on_for_whoever_sees_values_alone(desk: Desk, handle: str) -> None:
    old = reverse("aggregate", args=["patient", ID])
    answer = desk.get(f"{old}?filter=type:x", SEES)
    assert answer["Location"] == f"{reverse('aggregate', args=['patient', handle])}?filter=type%3Ax"
    assert desk.get(old, MASKED).status_code == 404


QUESTIONS = [
    "/aggregates/?{q}",
    "/aggregates/?{q_type}",
    "/aggregates/?{q_part}",
    "/aggregates/patient/{id}/",
    "/aggregates/patient/?{q}",
    "/aggregates/patient/?{q_part}",
    "/aggregates/patient/?after={id}",
    "/aggregates/patient/?order=id&before={id}",
    "/aggregates/patient/?latest=9999999999999999:{id}",
    "/anomalies/duplicate-id/?type=patient&id={id}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/?aggregate={{id}}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/?aggregate=patient/{{id}}",
    "/tail/?aggregate_type=patient&aggregate_id={id}",
    "/tail/?topic=patients&aggregate_type=patient&aggregate_id={id}",
    f"/topics/{TOPIC}/?filter=aggregate:{{id}}",
    f"/topics/{TOPIC}/?filter=aggregate:PATIENT/{{id}}",
    f"/topics/{TOPIC}/?filter=aggregate%3Dpatient/{{id}}",
    f"/topics/{TOPIC}/?filter=aggregate:{{part}}*",
    f"/topics/{TOPIC}/?filter=aggregate:patient/{{part}}*",
    f"/topics/{TOPIC}/?filter=aggregate:*/{{part}}*",
    f"/topics/{TOPIC}/?filter=aggregate~{{part}}",
    f"/topics/{TOPIC}/?filter=.aggregate:{{part}}*",
    f"/topics/{TOPIC}/?filter=.%22aggregate%22~^{{part}}",
    f"/topics/{TOPIC}/?filter=.aggregate%3Dpatient/{{id}}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/dead-letters/?show=every&filter=.aggregate:{{part}}*",
    f"/topics/{TOPIC}/?filter=not+aggregate!%3D{{id}}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/dead-letters/?show=every&filter=aggregate:{{id}}",
]


MORE = [
    ("support", f"/replays/new/?projection={PROJECTION}&way=topic&kind=aggregate&type=patient&id={{id}}"),
    ("support", "/replays/new/?kind=aggregate&type=patient&id={id}"),
    ("support", f"/replays/new/?projection={PROJECTION}&way=topic&kind=filter&filter=aggregate:patient/{{id}}"),
    ("support", f"/replays/new/?projection={PROJECTION}&kind=everything&way=topic&only_type=patient&only_id={{id}}"),
    ("support", f"/topics/{TOPIC}/subscriptions/{NAME}/redrives/new/?filter=aggregate:{{id}}"),
    ("privacy", "/aggregates/patient/{id}/erasure/"),
    ("auditor", "/audit/?on={id}"),
    ("auditor", "/audit/?on=patient+{id}"),
    ("auditor", "/audit/?name={id}"),
]


def test_no_question_tells_whether_an_id_exists(desk: Desk, handle: str) -> None:
    assert reset(desk, "latest", "approver").status_code == 302  # the record has an act that names the patient
    for role, question in [*((MASKED, question) for question in QUESTIONS), *MORE]:
        there, absent = (answered(desk, question, id, role) for id in (ID, ABSENT))
        assert there[0] == absent[0], (role, question)
        assert [pair for pair in zip(there[1], absent[1], strict=False) if pair[0] != pair[1]] == [], (role, question)


@pytest.mark.parametrize("operator", [":", "=", "!=", "~", "<", "<=", ">", ">="])
def test_no_filter_gives_the_id_for_a_handle(desk: Desk, handle: str, operator: str) -> None:
    pages = (f"/topics/{TOPIC}/", reverse("aggregate", args=["patient", handle]), f"/topics/{TOPIC}/tail/", "/replays/new/")
    for field, before in (("aggregate", ""), (".aggregate", ""), ("aggregate", "x/"), ("not Aggregate", "patient/")):
        asked = urlencode({"filter": f"{field}{operator}{before}{handle}", "kind": "filter", "projection": PROJECTION})
        for page in pages:
            tells_nothing(desk.get(f"{page}?{asked}", "support"), f"{page} {asked}")


def test_an_open_case_lets_nobody_order_ids(desk: Desk, handle: str) -> None:
    """What comes before or behind an id would tell each id by a binary search."""
    cases.begin(person("support"), ticket="SUP-1", reason="asked by the patient", lasts=timedelta(hours=1))
    for asked in ("after={}", "before={}", "order=id&after={}", "latest=9999999999999999:{}"):
        below, above = (answered(desk, f"/aggregates/patient/?{asked.format(id)}", id, "support") for id in ("m0", "m9"))
        assert below == above, asked
    assert handle in whole(desk.get(f"/aggregates/patient/?q={ID}", "support"))  # the whole id, as the case lets them


def answered(desk: Desk, question: str, id: str, role: str) -> tuple[int, list[str]]:
    """The answer to somebody without the right, without what was asked."""
    asked = {"q": urlencode({"q": id}), "q_type": urlencode({"q": f"patient {id}"}), "q_part": f"q={id[:6]}"}
    answer = desk.get(question.format(id=id, part=id[:6], **asked), role)
    said = whole(answer).replace(id, "ASKED").replace(id[:6], "PART")
    return answer.status_code, _without_what_changes(said).splitlines()


def _without_what_changes(said: str) -> str:
    """Without tokens against forgery, the request's own id, and times."""
    said = re.sub(r'(csrfmiddlewaretoken" value|data-opened|nonce|X-CSRFToken)[^ >]*', r"\1", said)
    said = re.sub(r"'X-Request-ID': '\w+'", "", said)
    said = re.sub(r"'Content-Length': '\d+'", "", said)  # of times with more or fewer digits
    return re.sub(r"<time.*?</time>|\d+ (?:milli)?seconds?( ago)?|just now|\"X-CSRFToken\"[^}]*", "", said)


def test_the_log_has_no_id_of_an_address(desk: Desk, handle: str) -> None:
    """Django logs the path of each request that is refused."""
    lines: list[str] = []
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter("%(message)s"))
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logging.getLogger("django.request").addHandler(handler)
    try:
        desk.get(reverse("aggregate", args=["patient", ID]), MASKED)
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert lines == ["Not Found: /aggregates/patient/…/"]


def test_a_handle_that_cannot_be_read_says_so(desk: Desk, handle: str) -> None:
    broken = handle[:-1] + ("a" if handle[-1] != "a" else "b")
    for role in (MASKED, SEES):
        answer = desk.get(reverse("aggregate", args=["patient", broken]), role)
        assert answer.status_code == 404
        assert "the key of the handles has been changed" in text(answer)
    assert "the key of the handles has been changed" in text(desk.get(f"/aggregates/?q={broken}", MASKED))


def test_a_link_of_before_says_why_it_leads_nowhere_once_the_key_is_another(desk: Desk, handle: str, settings: object) -> None:
    settings.EVENTDESK_HANDLE_KEY = "j" * 40  # type: ignore[attr-defined]
    answer = desk.get(reverse("aggregate", args=["patient", handle]), MASKED)
    assert (answer.status_code, "This handle cannot be read" in text(answer)) == (404, True)


def test_a_plain_type_is_looked_up_as_before(desk: Desk, handle: str) -> None:
    desk.log.append(TOPIC, [cloud_event("o-1", "m4711-order")])
    desk.index()
    assert desk.get("/aggregates/?q=m4711-order", MASKED)["Location"] == "/aggregates/order/m4711-order/"
    found = desk.get(f"/topics/{TOPIC}/?filter=aggregate:order/m4711-order", MASKED)
    assert found.status_code == 200


def test_the_record_has_handles_alone(desk: Desk, handle: str) -> None:
    assert reset(desk, "latest").status_code == 302
    job = confirm(desk, plan(desk, What(kind=Kind.AGGREGATE, aggregate=("patient", ID))))
    kept = [" ".join(map(str, entry.values())) for entry in AuditEntry.objects.values()]
    assert kept
    assert any(handle in entry for entry in kept)
    assert not [entry for entry in kept if ID in entry or OTHER in entry]
    for url in (f"/jobs/{job.id}/", f"/replays/{job.id}/", f"/replays/{job.id}/report/", "/replays/", "/jobs/", "/"):
        tells_nothing(desk.get(url, MASKED), url)
    assert handle_of("patient", ID)[:15] in whole(desk.get(f"/replays/{job.id}/", MASKED))
    assert PROJECTION in whole(desk.get("/audit/", SEES))


def test_exported_letters_have_handles_alone(desk: Desk, handle: str) -> None:
    url = reverse("letter_exports", args=[TOPIC, NAME])
    answer = desk.client("approver").post(url, {"show": "every", "filter": f"aggregate:patient/{handle}"})
    assert answer.status_code == 200
    assert answer.content
    tells_nothing(answer, "export")  # type: ignore[arg-type]
    assert handle in whole(answer)  # type: ignore[arg-type]


def test_the_command_line_takes_and_prints_the_handle(desk: Desk, handle: str) -> None:
    for given in (handle, ID):
        out = io.StringIO()
        call_command("replay", "plan", PROJECTION, "--aggregate", "patient", given, stdout=out)
        assert "3 events" in out.getvalue()
        assert handle in out.getvalue()
        assert ID not in out.getvalue()
    out = io.StringIO()
    call_command("replay", "plan", PROJECTION, "--filter", f"aggregate:{handle}", stdout=out)
    assert ID not in out.getvalue()
    assert handle in out.getvalue()


def test_what_a_crash_left_open_is_looked_up_by_the_id_behind_the_handle(desk: Desk, handle: str) -> None:
    patient = Resource(kind="aggregate", aggregate_type="patient", aggregate_id=ID)
    act = DatabaseRecord().intended(Actor(name="ada", via="page"), "forget_values", patient, {})
    entry = AuditEntry.objects.get(act=act)
    assert entry.aggregate_id == handle
    assert as_meant(resource_of(entry)) == patient
    assert what_the_store_shows(entry)["forgotten"] == "no"
