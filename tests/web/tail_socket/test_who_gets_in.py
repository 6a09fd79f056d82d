"""Who gets in at the tail's websocket, and what ends the access of somebody who is in."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.logging_in import fill_in, header_of, log_out, session_of
from tests.tail_client import following, refused, run, socket
from tests.web.tail_socket.watched import PASSWORD, TOPIC, Watched

# -- who gets in


def test_nobody_gets_in_without_a_login(watched: Watched) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, cookie="sessionid=made-up"))
    assert refused(lambda: socket(watched.desk, TOPIC))
    assert refused(lambda: socket(watched.desk, TOPIC, cookie="sessionid=made-up", for_scripts=True))


def test_somebody_without_the_right_is_refused(watched: Watched) -> None:
    assert refused(lambda: watched.page(by="nobody"))


def test_who_is_refused_is_on_the_record_and_what_they_may_not_but_not_what_they_asked_for(watched: Watched) -> None:
    assert refused(lambda: watched.page(by="nobody"))
    assert refused(lambda: socket(watched.desk, TOPIC))
    found = "SELECT actor, via, state, name, topic, details FROM dashboard_auditentry WHERE action = 'refused'"
    entries = watched.sql(found)
    assert ("nobody", "page", "failed", "websocket", "", '{"wanted":"tail"}') in entries
    assert ("(not logged in)", "page", "failed", "websocket", "", "{}") in entries
    assert TOPIC not in str(entries)


def test_a_token_that_connects_is_on_the_record_once_and_then_counted(watched: Watched) -> None:
    for _ in range(3):
        assert not refused(watched.script)
    found = "SELECT actor, via, state, name, details FROM dashboard_auditentry WHERE action = 'connect' AND name = 'support'"
    assert watched.sql(found) == [("support (API token)", "script", "done", "support", '{"values":"clear"}')]
    (entry, more), *others = watched.sql("SELECT entry, more FROM dashboard_refusal WHERE entry LIKE '%support (API token)%'")
    assert more >= 2 and not others and '"action": "connect"' in entry


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
def test_another_sites_page_is_refused_however_logged_in_and_with_a_token_too(watched: Watched, origin: str) -> None:
    assert refused(lambda: watched.page(origin=origin))
    assert refused(lambda: socket(watched.desk, TOPIC, token=watched.tokens["support"], origin=origin))


def test_a_page_of_another_program_on_the_same_host_is_refused(watched: Watched) -> None:
    port = watched.desk.port
    other_ports = [f"http://127.0.0.1:{port + 1}", "http://127.0.0.1"]
    other_schemes = [f"https://127.0.0.1:{port}", f"ftp://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"]
    others = [f"http://localhost:{port}", f"http://user@127.0.0.1:{port}", f"http://127.0.0.1:{port}/path"]
    for origin in other_ports + other_schemes + others:
        assert refused(partial(watched.page, origin=origin)), origin
        assert refused(partial(watched.page, origin=origin, for_scripts=True)), origin
    assert not refused(lambda: watched.page(origin=f"http://127.0.0.1:{port}"))


def test_without_an_origin_a_cookie_opens_nothing(watched: Watched) -> None:
    assert refused(lambda: watched.page(origin=""))
    assert refused(lambda: watched.page(origin="", for_scripts=True))


def test_a_token_opens_only_the_form_for_scripts(watched: Watched) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, token=watched.tokens["support"], for_scripts=False))
    assert not refused(watched.script)


@pytest.mark.parametrize("token", ["wrong", "edk_" + "x" * 43, "ü", "x" * 5_000])
def test_a_wrong_token_is_refused(watched: Watched, token: str) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, token=token.encode().decode("latin-1")))


def test_a_token_that_has_ended_or_was_revoked_is_refused(watched: Watched) -> None:
    past = datetime(2024, 5, 1, tzinfo=UTC).isoformat(sep=" ")
    watched.sql("UPDATE dashboard_apitoken SET ends = ? WHERE name = 'ended'", past)
    watched.sql("UPDATE dashboard_apitoken SET revoked = ? WHERE name = 'revoked'", past)
    assert refused(lambda: watched.script(by="ended"))
    assert refused(lambda: watched.script(by="revoked"))


def test_a_login_role_or_token_that_ends_closes_the_open_socket(watched: Watched) -> None:
    opener, cookies = session_of(watched.desk, "leaver", PASSWORD)
    leaving = socket(watched.desk, TOPIC, cookie=header_of(cookies))

    async def work() -> list[int | None]:
        async with (
            following(leaving) as left,
            following(watched.page(by="demoted")) as demoted,
            following(watched.page(by="promoted")) as promoted,
            following(watched.script(by="open")) as revoked,
        ):
            await asyncio.to_thread(log_out, watched.desk, opener)
            change_role = "UPDATE dashboard_person SET role = ? WHERE username = ?"
            await asyncio.to_thread(watched.sql, change_role, "", "demoted")
            await asyncio.to_thread(watched.sql, change_role, "support", "promoted")
            await asyncio.to_thread(watched.sql, "UPDATE dashboard_apitoken SET revoked = ends WHERE name = 'open'")
            return list(await asyncio.gather(*(each.close_code() for each in (left, demoted, promoted, revoked))))

    assert run(work) == [4403, 4403, 4012, 4403]


def test_signing_out_everywhere_closes_the_tails_of_all_logins_of_this_person_and_of_nobody_else(watched: Watched) -> None:
    here, _ = session_of(watched.desk, "everywhere", PASSWORD)
    others = [header_of(session_of(watched.desk, "everywhere", PASSWORD)[1]) for _ in range(2)]

    async def work() -> list[int | None]:
        async with (
            following(socket(watched.desk, TOPIC, cookie=others[0])) as one,
            following(socket(watched.desk, TOPIC, cookie=others[1])) as two,
            following(watched.page()) as of_somebody_else,
        ):
            account = f"{watched.desk.url}account/"
            fields = {"session": "everywhere"}
            await asyncio.to_thread(fill_in, here, f"{account}session-ends/", form=account, fields=fields)
            codes = list(await asyncio.gather(one.close_code(), two.close_code()))
            assert of_somebody_else.connection.close_code is None
            return codes

    assert run(work) == [4403, 4403]


def test_a_person_who_needs_a_second_factor_from_now_on_loses_the_open_tail_and_gets_no_other(watched: Watched) -> None:
    enrolled = "INSERT INTO otp_totp_totpdevice (user_id, name, confirmed, throttling_failure_count, key, step, t0, digits, "
    enrolled += "tolerance, drift, last_t) SELECT id, 'app', 1, 0, '00', 30, 0, 6, 1, 0, -1 FROM dashboard_person WHERE "

    async def work() -> int | None:
        async with following(watched.page(by="enrolled")) as tail:
            await asyncio.to_thread(watched.sql, enrolled + "username = ?", "enrolled")
            await asyncio.to_thread(watched.sql, "UPDATE dashboard_person SET role = 'support' WHERE username = 'enrolled'")
            return await tail.close_code()

    assert run(work) == 4403
    assert refused(lambda: watched.page(by="enrolled"))


def test_a_token_for_metrics_opens_no_tail(watched: Watched) -> None:
    watched.sql("UPDATE dashboard_apitoken SET purpose = 'metrics' WHERE name = 'metrics'")
    assert refused(lambda: watched.script(by="metrics"))


def test_a_login_and_a_token_that_expire_close_the_open_socket(watched: Watched) -> None:
    async def work() -> tuple[list[int | None], float]:
        async with (
            following(watched.page(by="expiring")) as person,
            following(watched.page(by="expiring", for_scripts=True)) as page_for_scripts,
            following(watched.script(by="expiring")) as script,
        ):
            expires = datetime.now(UTC) + timedelta(seconds=3)
            at, key = expires.strftime("%Y-%m-%d %H:%M:%S.%f"), watched.cookies["expiring"].partition("=")[2]
            session = "UPDATE dashboard_loginsession SET expire_date = ? WHERE session_key = ?"
            await asyncio.to_thread(watched.sql, session, at, key)
            await asyncio.to_thread(watched.sql, "UPDATE dashboard_apitoken SET ends = ? WHERE name = 'expiring'", at)
            codes = list(await asyncio.gather(*(each.close_code() for each in (person, page_for_scripts, script))))
            return codes, (datetime.now(UTC) - expires).total_seconds()

    codes, after = run(work)
    assert codes == [4403, 4403, 4403]
    assert after > 0  # not before
    assert refused(lambda: watched.page(by="expiring"))
    assert refused(lambda: watched.script(by="expiring"))
