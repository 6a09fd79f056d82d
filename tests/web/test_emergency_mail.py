"""The mail about an emergency reveal, sent to a real mail server and to one that refuses it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError

from dashboard.auditing.acts import acts
from dashboard.models import Person, Reveal
from dashboard.reveals import telling
from dashboard.setup.mail import mail_of
from tests import people
from tests.web.desk import Desk, text
from tests.web.revealing import VALUE, event_page, masked_desk, of_event, reveal
from tests.web.smtp import Box, mail_server
from tests.web.test_commands import run

Use = Callable[[Box], None]


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk(emergency=True) as opened:
        yield opened


@pytest.fixture
def use(settings: Any) -> Use:
    """The settings as ``EVENTDESK_MAIL_URL`` makes them."""

    def use(box: Box) -> None:
        mail = mail_of(box.url)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = mail.host, mail.port, 5
        settings.MAIL_IS_SET_UP = True

    return use


def test_a_mail_server_gets_one_mail_to_all_privacy_officers_without_ids_or_the_reason(desk: Desk, use: Use) -> None:
    people.privacy_officer()
    run("set_email", "privacy", "--email", "officer@hospital.example")
    with mail_server() as box:
        use(box)
        viewer = desk.client("viewer")
        reveal(viewer, of_event(), "emergencies")
        assert "by mail" in text(viewer.get("/topics/"))
    ((to, sent),) = box.sent
    assert sorted(to) == ["officer@hospital.example", "privacy@hospital.example"]
    assert "viewer has revealed masked values in an emergency" in sent
    assert not any(held_back in sent for held_back in (VALUE, "4711", "asked by the patient", "e-0"))
    assert Reveal.objects.get().told == telling.SENT


def test_a_server_that_refuses_the_mail_is_said_and_logged(desk: Desk, use: Use, caplog: pytest.LogCaptureFixture) -> None:
    with mail_server(refuses="RCPT") as box:
        use(box)
        viewer = desk.client("viewer")
        reveal(viewer, of_event(), "emergencies")
        assert "could not be sent" in text(viewer.get("/topics/"))
    assert Reveal.objects.get().told == telling.FAILED
    assert "SMTPRecipientsRefused" in caplog.text
    assert VALUE in event_page(viewer)


def test_an_account_gets_an_address_when_it_is_made_or_later_and_loses_it(desk_databases: dict[str, str]) -> None:
    run("create_user", "eva", "--role", "privacy", "--email", "eva@hospital.example")
    assert Person.objects.get(username="eva").email == "eva@hospital.example"
    for arguments, expected in ((["--email", "e@hospital.example"], "e@hospital.example"), (["--remove"], "")):
        status, out, _ = run("set_email", "eva", *arguments)
        assert (status, Person.objects.get(username="eva").email) == (0, expected)
        assert expected in out
    removed, was_set = acts(action="set_email")
    assert (was_set.details, removed.details) == ({"address": "set"}, {"address": "removed"})


@pytest.mark.parametrize(
    "arguments", [["nobody", "--remove"], ["privacy", "--email", "no address"], ["privacy", "--email", ""]]
)
def test_what_is_no_account_or_no_address_changes_nothing(desk_databases: dict[str, str], arguments: list[str]) -> None:
    people.privacy_officer()
    with pytest.raises(CommandError, match=r"Nothing was changed|is required"):
        run("set_email", *arguments)
    assert Person.objects.get(username="privacy").email == ""
    assert not acts(action="set_email")
