"""Calls of other services: hooks are signed, and nothing is followed, waited for or read without an end."""

import hashlib
import hmac
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from eventstore.config.projections import Hooks, Projection
from eventstore.projections import hooks as hooks_module
from eventstore.projections import read_models as read_models_module
from eventstore.projections.calling import MOST_BYTES, AnswerProblem, call
from eventstore.projections.hooks import HookFailed, When, call_hook
from eventstore.projections.read_models import MOST_VALUES, ReadModels, ask
from tests.unit.projections.server import Service, answering, serving

SECRET = "a-secret-of-the-hooks-" + "s" * 20


def projection(before: str = "", status: str = "") -> Projection:
    hooks = Hooks(before=before)
    return Projection(name="timeline", purpose="p", topics=("documents",), subscription="timeline", hooks=hooks, status=status)


def test_a_hook_is_told_what_happens_and_can_check_who_tells_it() -> None:
    with serving(answering(204)) as service:
        before = projection(before=f"{service.url}/hook?of=timeline")
        answer = call_hook(before, When.BEFORE, {"replay": "7", "events": 25}, SECRET)
        assert answer is not None
        assert answer.status == 204
        assert call_hook(before, When.AFTER, {}, SECRET) is None
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/hook?of=timeline")
    assert json.loads(asked.body) == {"hook": "before", "projection": "timeline", "replay": "7", "events": 25}
    said = dict(part.split("=", 1) for part in asked.headers["Eventdesk-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{said['t']}.".encode() + asked.body, hashlib.sha256).hexdigest()
    assert said["v1"] == expected
    assert abs(int(said["t"]) - time.time()) < 600


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_hook_that_nobody_could_tell_from_a_forged_one_is_not_called(secret: str) -> None:
    with serving(answering(204)) as service, pytest.raises(HookFailed, match="EVENTDESK_HOOK_SECRET"):
        call_hook(projection(before=service.url), When.BEFORE, {}, secret)
    assert service.asked == []


def test_an_answer_that_leads_elsewhere_is_not_followed() -> None:
    with serving(answering(200)) as elsewhere, serving(answering(302, Location=f"{elsewhere.url}/x")) as service:
        with pytest.raises(HookFailed, match=r"answered 302, which leads elsewhere.*127\.0\.0\.1:"):
            call_hook(projection(before=service.url), When.BEFORE, {}, SECRET)
        assert "leads elsewhere" in ask(service.url).problem
    assert elsewhere.asked == []


def test_a_service_that_does_not_agree_says_so_by_its_status() -> None:
    with serving(answering(409, b"not now")) as service, pytest.raises(HookFailed, match="answered 409"):
        call_hook(projection(before=service.url), When.BEFORE, {}, SECRET)


def drip(service: Service, handler: BaseHTTPRequestHandler) -> None:
    """Send a byte of an endless answer ten times a second, so that no single read lasts long."""
    handler.send_response(200)
    handler.end_headers()
    while not service.ended.wait(0.1):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return


def stay_silent(service: Service, handler: BaseHTTPRequestHandler) -> None:
    service.ended.wait()


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_service_that_never_comes_to_an_end_is_left(drips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_module, "HOOK_SECONDS", 0.5)
    answer = drip if drips else stay_silent
    ends = pytest.raises(HookFailed, match=r"did not answer (within 0\.5 seconds|in time)")
    with serving(lambda handler: answer(service, handler)) as service, ends:
        call_hook(projection(before=service.url), When.BEFORE, {}, SECRET)


def test_a_service_that_is_not_there_is_said_to_be_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(AnswerProblem, match="cannot be reached"):
            call("GET", address, seconds=5)


def test_what_is_no_http_server_is_said_to_be_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"SSH-2.0-x\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(AnswerProblem, match="does not answer as HTTP servers do"):
            call("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=5)
        thread.join()


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(502)) as proxy, serving(answering(200, b"{}")) as service:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert ask(service.url).problem == ""
    assert proxy.asked == []


def test_a_read_model_tells_of_itself_by_name() -> None:
    body = json.dumps({"events": 4120, "build": "v3", "ready": True, "by": {"a": 1}}).encode()
    with serving(answering(200, body)) as service:
        told = ReadModels().of(projection(status=f"{service.url}/of/{{subscription}}"), "timeline-v2")
    assert told is not None
    assert dict(told.values) == {"events": "4120", "build": "v3", "ready": "true", "by": '{"a": 1}'}
    assert service.asked[0].path == "/of/timeline-v2"
    assert ReadModels().of(projection(), "timeline") is None


def test_a_service_is_not_asked_again_for_everybody_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_models_module, "KEPT_SECONDS", 3600.0)
    with serving(answering(200, b'{"events": 1}')) as service:
        models, of = ReadModels(), projection(status=service.url)
        assert [models.of(of, "timeline") for _ in range(3)] == [models.of(of, "timeline")] * 3
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"", "answered 500"),
        (200, b"<html>", "answered with something that is not JSON"),
        (200, b"[1]", "answered with JSON that is not an object"),
        (200, b"[" * 50_000, "answered with something that is not JSON"),
        (200, b'"' + b"x" * MOST_BYTES + b'"', "answered with more than 64 KB"),
    ],
)  # fmt: skip
def test_a_status_that_cannot_be_shown_is_a_sentence(status: int, body: bytes, said: str) -> None:
    with serving(answering(status, body)) as service:
        told = ask(service.url)
    assert told.problem == f"{service.host} {said}."
    assert told.values == {}


def test_of_many_or_long_values_the_first_are_kept() -> None:
    body = json.dumps({f"n{number}": "x" * 1000 for number in range(MOST_VALUES + 3)}).encode()
    with serving(answering(200, body)) as service:
        told = ask(service.url)
    assert (len(told.values), told.left_out) == (MOST_VALUES, 3)
    assert all(len(value) == 200 for value in told.values.values())


def test_no_more_answers_are_kept_than_are_shown_however_many_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_models_module, "MOST_KEPT", 2)
    monkeypatch.setattr(read_models_module, "KEPT_SECONDS", 3600)
    with serving(answering(200, b"{}")) as service:
        models, one = ReadModels(), projection(status=f"{service.url}/of/{{subscription}}")
        for name in ("a", "b", "c", "b", "a"):
            models.of(one, name)
    assert [asked.path for asked in service.asked] == ["/of/a", "/of/b", "/of/c", "/of/a"]
