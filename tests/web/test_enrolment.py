"""Enrolling a device: at the login of a role that needs one, and by a person's own will."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboard.access.login_limit import PER_CODE
from dashboard.accounts import second_factor
from dashboard.auditing.acts import acts
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry, LoginSession, RecoveryCode
from tests import people
from tests.web.second_factor import STEP, code_of, codes_on, enters, key_of, needing, secret_on, with_password, wrong_code

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def no_proxies(settings: Any) -> None:
    settings.PROXIES = "0"


def test_enrolment_counts_once_a_code_proves_the_device_and_shows_the_secret_only_until_then() -> None:
    with needing("admin"):
        person = people.admin()
        client = with_password(person)
        page = client.get(f"{STEP}?next=/topics/").content
        secret = secret_on(page)
        assert b"<svg" in page and b"style=" not in page
        assert secret_on(client.get(STEP).content) == secret, "it stays until it is proven"
        wrong = client.post(STEP, {"code": wrong_code(secret)})
        assert b"Wrong code" in wrong.content
        assert not TOTPDevice.objects.exists() and not enters(client)
        done = client.post(STEP, {"code": code_of(secret), "next": "/topics/"})
        codes = codes_on(done.content)
        assert len(set(codes)) == second_factor.CODES
        assert b'href="/topics/"' in done.content
        assert enters(client)
        assert secret.encode() not in client.get("/account/second-factor/").content
        (enrolled, failed) = acts(action="enrol_second_factor")
        assert (enrolled.state, failed.state) == ("done", "failed")
        everything = str([vars(entry) for entry in AuditEntry.objects.all()])
        assert secret not in everything and not any(code in everything for code in codes)
        assert with_password(person).post(STEP, {"code": codes[0]}).status_code == 302
        assert verify() is None


def test_wrong_codes_while_enrolling_are_limited_wherever_they_are_given_and_fill_no_record() -> None:
    with needing("admin"):
        person = people.admin()
        client = with_password(person)
        wrong = wrong_code(secret := secret_on(client.get(STEP).content))
        answers = [client.post(STEP, {"code": wrong}).status_code for _ in range(PER_CODE + 3)]
        assert answers == [200] * PER_CODE + [429] * 3
        refused = client.post(STEP, {"code": code_of(secret)})
        assert (refused.status_code, b"Too many attempts" in refused.content, enters(client)) == (429, True, False)
        failed = acts(action="enrol_second_factor")
        assert len(failed) == PER_CODE and "codes for this name" in failed[0].outcome["limit_reached"]
        assert wrong not in str(list(AuditEntry.objects.values_list("details")))
    client = with_password(person)
    given = {"code": wrong, "password": people.PASSWORD}
    assert b"Too many attempts" in client.post("/account/second-factor/enrolments/", given).content
    assert len(acts(action="enrol_second_factor")) == PER_CODE


def test_an_enrolment_that_was_left_half_done_leaves_nothing_and_begins_with_another_secret() -> None:
    with needing("admin"):
        person = people.admin()
        first = secret_on(with_password(person).get(STEP).content)
        again = with_password(person)
        assert secret_on(again.get(STEP).content) != first
        assert again.post(STEP, {"code": code_of(first)}).status_code == 200
        assert not enters(again)
        assert not TOTPDevice.objects.exists()


def test_two_enrolments_at_once_make_one_device() -> None:
    with needing("admin"):
        person = people.admin()
        clients = [with_password(person) for _ in range(3)]
        secrets = [secret_on(client.get(STEP).content) for client in clients]

        def enrol(number: int) -> None:
            try:
                clients[number].post(STEP, {"code": code_of(secrets[number])})
            finally:
                connections.close_all()

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(enrol, range(3)))
        assert TOTPDevice.objects.count() == 1
        assert RecoveryCode.objects.count() == second_factor.CODES
        assert sum(map(enters, clients)) == 1


def test_a_person_sets_up_renews_codes_and_removes_the_factor_each_proven_and_on_record() -> None:
    person = people.support()
    client, other = with_password(person), with_password(person)
    url = "/account/second-factor/"
    secret = secret_on(client.get(url).content)
    assert client.post(f"{url}enrolments/", {"code": code_of(secret), "password": "wrong"}).status_code == 422
    assert not TOTPDevice.objects.exists()
    given = {"code": code_of(secret), "password": people.PASSWORD}
    first = codes_on(client.post(f"{url}enrolments/", given).content)
    assert enters(client)
    assert not enters(other), "the other login has ended"
    assert client.post(f"{url}recovery-codes/", {"code": "000"}).status_code == 422
    second = codes_on(client.post(f"{url}recovery-codes/", {"code": first[0]}).content)
    assert len(second) == second_factor.CODES and not set(first) & set(second)
    assert client.post(f"{url}removals/", {"code": first[1], "password": people.PASSWORD}).status_code == 422
    before = key_of(client)
    assert client.post(f"{url}removals/", {"code": second[0], "password": people.PASSWORD}).status_code == 302
    assert key_of(client) != before and not LoginSession.objects.filter(session_key=before).exists()
    assert not TOTPDevice.objects.exists() and not RecoveryCode.objects.exists()
    assert enters(client)
    done = {act.action for act in acts(actor="support") if act.state == "done"}
    assert done >= {"enrol_second_factor", "make_recovery_codes", "remove_own_second_factor"}
