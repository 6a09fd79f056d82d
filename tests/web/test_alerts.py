"""Alerts by mail and webhook, to real servers: once when something begins and once when it is over, whatever is killed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import gateway
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Alert, AlertMessage
from dashboard.observing.alerts import sending, watching
from dashboard.setup.mail import mail_of
from dashboard.subscriptions import backlog_cache
from eventstore.config.loading import parse_config
from eventstore.projections.hooks import signature
from tests.unit.projections.server import Service, answering, serving
from tests.web.ageing import make_old
from tests.web.desk import NAME, TOPIC, Desk, opened_desk
from tests.web.letters import DEAD, dead_lettered
from tests.web.smtp import mail_server

SECRET = "only-for-tests-" + "s" * 32
CONFIG = '[alerts]\nmail = ["operations@example.org"]\naddress = "https://desk.example.org"\nabout = [{about}]\n'
BEGAN = datetime.now(UTC)


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


@pytest.fixture
def alerting(settings: Any) -> Callable[..., None]:
    """Settings by which alerts about these go to a webhook, and to nobody by mail unless ``mail`` is a server's address."""

    def use(*about: str, webhook: str = "", mail: str = "") -> None:
        quoted = ", ".join(f'"{one}"' for one in about)
        settings.EVENTDESK = parse_config(CONFIG.format(about=quoted), "alerts.toml")
        settings.EVENTDESK_ALERT_WEBHOOK, settings.EVENTDESK_HOOK_SECRET = webhook, SECRET
        given = mail_of(mail)
        settings.MAIL_IS_SET_UP = bool(mail)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = given.host, given.port, 5

    return use


@pytest.fixture
def service() -> Iterator[Service]:
    with serving(answering(204)) as found:
        yield found


def look(minutes: float) -> bool:
    """Look as if so many minutes had passed since the test began."""
    gateway.desk().backlogs.current()
    return watching.look(BEGAN + timedelta(minutes=minutes))


def told(service: Service) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in service.asked]


def a_stuck_subscription(desk: Desk) -> None:
    desk.publish(5, key="patient-0815")
    desk.subscribe()
    make_old()


def test_what_is_stuck_is_told_once_when_it_begins_and_once_when_it_is_over(
    desk: Desk, alerting: Callable[..., None], service: Service
) -> None:
    alerting("stuck", webhook=f"{service.url}/alerts?of=desk")
    a_stuck_subscription(desk)
    for minutes in (0, 0.5):
        assert look(minutes)
    assert told(service) == [], "it may be over in a moment"
    for minutes in (1.1, 1.3, 3, 90):
        look(minutes)
    (begun,) = told(service)
    ((line,), over) = begun["begun"], begun["over"]
    assert (line["about"], over, begun["more"]) == ("stuck", [], 0)
    assert f"The subscription {NAME} of {TOPIC} has not moved for" in line["text"]
    assert "5 events wait" in line["text"]
    assert line["page"] == f"https://desk.example.org/topics/{TOPIC}/subscriptions/{NAME}/"
    desk.handle(5)
    gateway.desk().backlogs.forget()
    for minutes in (91, 91.5, 92.5, 93, 99):
        look(minutes)
    ended = told(service)[1:]
    assert [(one["begun"], [over["about"] for over in one["over"]]) for one in ended] == [([], ["stuck"])]
    assert "moves again, after" in ended[0]["over"][0]["text"]
    assert b"0815" not in b"".join(asked.body for asked in service.asked)
    assert not Alert.objects.exists()


def test_a_webhook_can_tell_that_a_message_is_of_this_desk(
    desk: Desk, alerting: Callable[..., None], service: Service
) -> None:
    alerting("stuck", webhook=f"{service.url}/alerts")
    a_stuck_subscription(desk)
    look(0)
    look(2)
    (asked,) = service.asked
    at = int(asked.headers["Eventdesk-Signature"].partition(",")[0].removeprefix("t="))
    assert asked.headers["Eventdesk-Signature"] == signature(asked.body, SECRET, at)
    assert (asked.method, asked.path, json.loads(asked.body)["id"]) == ("POST", "/alerts", AlertMessage.objects.get().pk)


def test_what_comes_and_goes_within_a_minute_makes_no_message(
    desk: Desk, alerting: Callable[..., None], service: Service
) -> None:
    alerting("stuck", webhook=service.url)
    a_stuck_subscription(desk)
    look(0)
    desk.handle(5)
    gateway.desk().backlogs.forget()
    for minutes in (0.5, 1.2, 3):
        look(minutes)
    assert (told(service), Alert.objects.count()) == ([], 0)


def test_many_at_once_are_one_message_and_there_is_one_a_minute(
    desk: Desk, alerting: Callable[..., None], service: Service
) -> None:
    alerting("stuck", webhook=service.url)
    desk.publish(1)
    for number in range(25):
        desk.subscribe(f"reader-{number}")
    make_old()
    for minutes in (0, 1.1):
        look(minutes)
    desk.subscribe("reader-25")
    make_old()
    gateway.desk().backlogs.forget()
    for minutes in (1.2, 1.3, 2.0):
        look(minutes)
    (first,) = told(service)
    assert (len(first["begun"]), first["more"]) == (20, 5)
    look(2.4)
    assert [len(one["begun"]) for one in told(service)] == [20, 1]


def test_new_dead_letters_are_told_again_once_an_hour_and_handled_ones_not_at_all(
    desk: Desk, alerting: Callable[..., None], service: Service
) -> None:
    alerting("dead_letters", webhook=service.url)
    desk.publish(9)
    dead_lettered(desk, range(3))
    look(0)
    look(2)
    ever = ", counting all that it ever held."
    assert [line["text"] for one in told(service) for line in one["begun"]] == [f"3 dead letters in {DEAD}{ever}"]
    dead_lettered(desk, range(3, 5))
    look(10)
    look(50)
    assert len(told(service)) == 1
    look(70)
    look(140)
    assert [line["text"] for one in told(service)[1:] for line in one["begun"]] == [f"2 more. 5 dead letters in {DEAD}{ever}"]


def test_only_what_moves_again_is_said_to_and_nothing_is_over_while_nobody_can_tell(
    desk: Desk, alerting: Callable[..., None], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting("stuck", "dead_letters", webhook=service.url)
    a_stuck_subscription(desk)
    desk.subscribe("left")
    make_old()
    dead_lettered(desk, range(3))
    for minutes in (0, 2):
        look(minutes)
    (begun,) = told(service)
    assert [one["about"] for one in begun["begun"]] == ["stuck", "stuck", "dead_letters"]
    with monkeypatch.context() as anew:
        anew.setattr(backlog_cache, "as_stored", lambda: None)  # as in an index that is being built anew
        for minutes in (3, 5):
            look(minutes)
    assert (len(told(service)), Alert.objects.filter(gone=None).count()) == (1, 3)
    desk.subscriptions.delete(TOPIC, "left")
    gateway.desk().backlogs.forget()
    for minutes in (6, 8):
        look(minutes)
    ((over,),) = [one["over"] for one in told(service)[1:]]
    assert f"The subscription left of {TOPIC}, which did not move, is no longer there, after " in over["text"]
    alerting("dead_letters", webhook=service.url)
    for minutes in (10, 12):
        look(minutes)
    assert (len(told(service)), Alert.objects.get().kind) == (2, "dead_letters")


def test_a_clock_that_was_ahead_once_silences_nothing(desk: Desk, alerting: Callable[..., None], service: Service) -> None:
    week = 7 * 24 * 60
    alerting("stuck", webhook="http://127.0.0.1:9/")
    a_stuck_subscription(desk)
    for minutes in (week, week + 2):
        look(minutes)
    alerting("stuck", webhook=service.url)
    look(0)
    assert [len(one["begun"]) for one in told(service)] == [1]
    desk.subscribe("other")
    make_old()
    gateway.desk().backlogs.forget()
    for minutes in (1, 3):
        look(minutes)
    assert [len(one["begun"]) for one in told(service)] == [1, 1]


def test_a_mail_names_all_in_words_with_a_link(desk: Desk, alerting: Callable[..., None]) -> None:
    with mail_server() as box:
        alerting("stuck", "index_behind", mail=box.url)
        a_stuck_subscription(desk)
        look(0)
        look(2)
    ((to, mail),) = box.sent
    assert to == ["operations@example.org"]
    assert "Subject: Eventdesk: 1 begun" in mail
    assert f"https://desk.example.org/topics/{TOPIC}/subscriptions/{NAME}/" in mail.replace("=\r\n", "").replace("=\n", "")
    assert "0815" not in mail


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_message_that_is_not_taken_is_tried_again_ever_more_seldom_and_given_up_after_a_day(
    desk: Desk, alerting: Callable[..., None], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(answering(status, Location="http://127.0.0.1:1/elsewhere")) as service:
        alerting("stuck", webhook=f"{service.url}/a-secret-in-the-path")
        a_stuck_subscription(desk)
        look(0)
        for minutes in (2, 2.1, 2.3, 2.4, 2.8, 3.8):
            look(minutes)
        assert len(service.asked) == 4
        assert AlertMessage.objects.get(ended=None).tries == 4
        look(60 * 24 + 5)
        look(60 * 24 + 20)
    assert len(service.asked) == 5
    assert len([one for one in caplog.records if one.name.endswith("sending")]) == 2, "the first failure, and the end"
    assert "a-secret-in-the-path" not in caplog.text
    assert AlertMessage.objects.get().problem


def test_a_process_that_is_killed_while_it_sends_sends_that_message_twice_at_most(
    desk: Desk, alerting: Callable[..., None], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting("stuck", webhook=service.url)
    a_stuck_subscription(desk)
    look(0)

    def sent_and_killed(*given: Any) -> None:
        sending._by_webhook(*given)
        raise KeyboardInterrupt

    monkeypatch.setitem(sending._SENDERS, "webhook", sent_and_killed)
    with pytest.raises(KeyboardInterrupt):
        look(2)
    monkeypatch.undo()
    for minutes in (2.1, 2.3, 2.6, 5, 60):
        look(minutes)
    assert [one["id"] for one in told(service)] == [AlertMessage.objects.get().pk] * 2


def test_while_one_process_looks_another_does_not(desk: Desk, alerting: Callable[..., None], service: Service) -> None:
    alerting("stuck", webhook=service.url)
    a_stuck_subscription(desk)
    lease = SAFEGUARDS.locks.acquire(watching.ALERTS, watching.SENDER, "are being sent")
    assert not look(0)
    lease.release()
    assert look(0)
