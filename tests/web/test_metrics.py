"""What ``/metrics`` tells, and whom: by the table of docs/metrics.md."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.test.utils import override_settings
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dashboard.access import tokens
from dashboard.models import Alert, ApiToken, Purpose, Refusal, Role
from dashboard.observing import from_databases
from eventstore.config.loading import parse_config
from tests.web.desk import NAME, TOPIC, Desk, opened_desk

PAGE = Path(__file__).resolve().parents[2] / "docs/metrics.md"
NOT_BEHIND_TLS = {"BEHIND_TLS": False, "PROXIES": ""}
BEHIND_NGINX = {"BEHIND_TLS": True, "PROXIES": "1"}
FORWARDED = {"X-Forwarded-For": "203.0.113.9"}
PEERS: list[tuple[Mapping[str, Any], str, Mapping[str, str], int]] = [
    (NOT_BEHIND_TLS, "127.0.0.1", {}, 200),
    (NOT_BEHIND_TLS, "::1", {}, 200),
    (NOT_BEHIND_TLS, "::ffff:127.0.0.1", {}, 200),
    (NOT_BEHIND_TLS, "203.0.113.9", {}, 401),
    (NOT_BEHIND_TLS, "", {}, 401),
    (NOT_BEHIND_TLS, "nonsense", {}, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", FORWARDED, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", {"X-Forwarded-For": ""}, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 401),
    (NOT_BEHIND_TLS, "127.0.0.1", {"X-Forwarded-Proto": "https"}, 401),
    (BEHIND_NGINX, "127.0.0.1", {}, 200),
    (BEHIND_NGINX, "127.0.0.1", FORWARDED, 401),
    (BEHIND_NGINX, "10.0.0.7", {}, 401),
    ({"BEHIND_TLS": True, "PROXIES": ""}, "127.0.0.1", {}, 401),
    ({"BEHIND_TLS": True, "PROXIES": "0"}, "127.0.0.1", {}, 401),
]
"""Settings, the peer, its headers, and the status of the answer without a token."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def scraped(**settings: Any) -> Any:
    with override_settings(**(settings or NOT_BEHIND_TLS)):
        return Client().get("/metrics")


def series(text: str) -> Mapping[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def metrics_token(**columns: Any) -> dict[str, str]:
    token, text = tokens.make(f"prometheus-{ApiToken.objects.count()}", Role.VIEWER, 30, METRICS)
    ApiToken.objects.filter(pk=token.pk).update(**columns)
    return {"Authorization": f"Bearer {text}"}


METRICS = tokens.Narrowed(purpose=Purpose.METRICS)


def test_without_a_token_only_a_program_on_this_machine_reads_and_nothing_that_a_proxy_may_have_passed_on(desk: Desk) -> None:
    for settings, peer, headers, status in PEERS:
        with override_settings(**settings):
            answer = Client().get("/metrics", headers=headers, REMOTE_ADDR=peer)
        assert answer.status_code == status, (settings, peer, headers)


def test_a_token_for_metrics_reads_from_anywhere_and_every_other_one_is_refused(desk: Desk) -> None:
    def status(headers: Mapping[str, str]) -> int:
        with override_settings(**BEHIND_NGINX):
            return Client().get("/metrics", headers={**FORWARDED, **headers}, REMOTE_ADDR="10.0.0.7").status_code

    past = datetime.now(UTC) - timedelta(minutes=1)
    assert status(metrics_token()) == 200
    assert status(metrics_token(revoked=past)) == 401
    assert status(metrics_token(ends=past)) == 401
    assert status(metrics_token(purpose=Purpose.TAIL)) == 403
    assert status(metrics_token(role=Role.OUTSIDER)) == 403
    for wrong in ("Bearer edk_nonsense", "Bearer", "Basic YTpi", "edk_x"):
        assert status({"Authorization": wrong}) == 401


def test_a_wrong_token_is_refused_on_this_machine_too_and_recorded(desk: Desk) -> None:
    with override_settings(**NOT_BEHIND_TLS):
        answer = Client().get("/metrics", headers={"Authorization": "Bearer edk_nonsense"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert Refusal.objects.count() == 1


def test_a_person_who_is_logged_in_reads_no_metrics_from_elsewhere(desk: Desk) -> None:
    with override_settings(**BEHIND_NGINX):
        assert desk.client("admin").get("/metrics", headers=FORWARDED).status_code == 401


def test_this_machine_may_call_it_by_its_address_but_pages_only_by_the_desks_name(desk: Desk) -> None:
    with override_settings(**BEHIND_NGINX, ALLOWED_HOSTS=["desk.example.org"]):
        for host in ("127.0.0.1:8001", "localhost:8001", "[::1]:8001"):
            for path in ("/metrics", "/healthz", "/readyz"):
                assert Client().get(path, headers={"Host": host}).status_code == 200, (host, path)
            assert Client().get("/login/", headers={"Host": host}).status_code == 400
        for host in ("evil.example.org", "127.0.0.1.evil.example.org", ""):
            assert Client().get("/metrics", headers={"Host": host}).status_code == 400
        assert Client().get("/metrics", headers={"Host": "127.0.0.1", **FORWARDED}).status_code == 400


def test_the_page_of_metrics_names_each_with_its_words_and_no_other(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    rows = re.findall(r"^\| `([a-z_]+)` \| .*? \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = re.findall(r"^# HELP (\S+) (.*)$", scraped().content.decode(), re.MULTILINE)
    without_seals = {"eventdesk_seal_age_seconds", "eventdesk_seal_missing"}
    assert {name: words for name, words in rows if name not in without_seals} == dict(told)
    assert len(rows) == len(dict(rows))
    source = Path(from_databases.__file__).read_text(encoding="utf-8")
    assert all(f'"{name}", "{words}"' in source for name, words in rows if name in without_seals)


def test_it_counts_what_is_there(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    desk.faces.backlogs.current()
    assert desk.get("/topics/nowhere/", "viewer").status_code == 404
    found = series(scraped().content.decode())
    of = f'{{subscription="{NAME}",topic="{TOPIC}"}}'
    assert found[f"eventdesk_backlog_events{of}"] == 3
    assert found[f"eventdesk_stuck_events{of}"] == 0
    assert found["eventdesk_index_events"] == 5
    assert 0 <= found[f'eventdesk_topic_behind_seconds{{topic="{TOPIC}"}}'] < 600
    assert found['eventdesk_jobs{state="failed"}'] == 0
    assert any(name.startswith('eventdesk_http_requests_total{method="GET",process="') and "404" in name for name in found)


def test_no_label_holds_an_aggregate_a_payload_or_a_person(desk: Desk) -> None:
    desk.publish(3, key="patient-0815")
    desk.subscribe()
    desk.get("/aggregates/patient/patient-0815/", "support")
    desk.get("/aggregates/patient/patient-0815/nowhere/", "support")
    Client().get("/patient-0815?q=patient-0815", headers={"X-Request-ID": "patient-0815"})
    Client().generic("patient-0815", "/")
    Client().post("/login/", {"username": "patient-0815", "password": "x"})
    text = scraped().content.decode()
    assert "patient-0815" not in text
    assert "support" not in text.replace("unsupported", "")


def test_a_name_of_a_broker_that_text_cannot_hold_is_a_label_with_escapes() -> None:
    class OfABroker(Collector):
        def collect(self) -> Iterator[Metric]:
            names = ("nul\0", "nul\1", "line\r\nbreak", "half \ud800", "Zoë")
            yield from_databases._family("told", "Told.", [([name], 1.0) for name in names], ["name"])

    text = generate_latest(OfABroker()).decode()
    assert text.replace("\n", "").isprintable()
    assert len(series(text)) == 5
    assert 'told{name="Zoë"}' in text


def test_a_token_with_topics_of_its_own_is_told_of_no_others(desk: Desk) -> None:
    desk.publish(3)
    for topic in ("letters", "letters-mailer-DLQ", f"{TOPIC}-mailer-DLQ"):
        desk.publish(2, topic=topic)
    desk.subscribe()
    desk.subscribe(topic="letters")
    desk.faces.backlogs.current()
    text = Client().get("/metrics", headers=metrics_token(topics=["letters", "*-DLQ"])).content.decode()
    assert 'topic="letters"' in text and 'topic="letters-mailer-DLQ"' in text
    assert TOPIC not in text
    scoped = parse_config('[[access.scope]]\nroles = ["viewer"]\ntopics = ["letters"]\naggregate_types = ["*"]', "scopes.toml")
    for kind in ("stuck", "stuck", "dead_letters"):
        now = datetime.now(UTC)
        Alert.objects.create(key=f"{Alert.objects.count()}", kind=kind, topic=TOPIC, began=now, told=now)
    Alert.objects.filter(key="0").update(topic="letters")
    with override_settings(EVENTDESK=scoped):
        text = Client().get("/metrics", headers=metrics_token()).content.decode()
    assert TOPIC not in text
    assert "eventdesk_jobs{" not in text
    assert {name: number for name, number in series(text).items() if "eventdesk_alerts" in name and number} == {
        'eventdesk_alerts{about="stuck"}': 1
    }


def test_a_token_that_sees_no_topic_reads_no_figures_of_a_desk_that_is_well(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.publish(3)
    scope = '[[access.scope]]\nroles = ["viewer"]\n{0}topics = ["letters"]\naggregate_types = ["*"]'
    by_group = parse_config(scope.format('groups = ["clinics"]\n'), "scopes.toml")
    with override_settings(EVENTDESK=by_group):
        answer = Client().get("/metrics", headers=metrics_token())
        narrowed = Client().get("/metrics", headers=metrics_token(topics=["letters"]))
        call_command("create_token", "prometheus", "--role", "viewer", "--days", "1", "--for", "metrics")
    assert (answer.status_code, narrowed.status_code) == (403, 403)
    assert "No scope gives" in answer.content.decode()
    assert "No scope gives the role viewer any topic" in capsys.readouterr().err
    with override_settings(EVENTDESK=parse_config(scope.format(""), "scopes.toml")):
        found = series(Client().get("/metrics", headers=metrics_token()).content.decode())
    assert found["eventdesk_index_behind_seconds"] == -1, "there is no such topic"


def test_a_database_that_is_away_takes_its_own_part_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise DatabaseError

    monkeypatch.setattr(type(desk.faces.index), "progress", lambda self: away())
    found = series(scraped().content.decode())
    assert found['eventdesk_part_unavailable{part="index"}'] == 1
    assert found['eventdesk_part_unavailable{part="jobs"}'] == 0
    assert "eventdesk_index_events" not in found


def test_more_topics_than_series_are_counted_and_those_behind_come_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for topic in ("a", "b", "c"):
        desk.publish(1, topic=topic)
    monkeypatch.setattr(from_databases, "MOST_TOPICS", 2)
    found = series(scraped().content.decode())
    assert found["eventdesk_topics_left_out"] == 1
    assert sum(name.startswith("eventdesk_topic_behind_seconds") for name in found) == 2


def test_only_a_look_is_taken() -> None:
    assert Client().post("/metrics").status_code == 405
