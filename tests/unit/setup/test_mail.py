"""The address of the mail server, as one environment variable says it."""

import pytest

from dashboard.setup.mail import Mail, mail_of
from eventstore.model import InvalidConfiguration


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", Mail()),
        ("smtp://mail", Mail(host="mail", port=25)),
        ("smtp://127.0.0.1:2525/", Mail(host="127.0.0.1", port=2525)),
        ("smtps://anna:p%40s%3A1@mail", Mail(host="mail", port=465, user="anna", password="p@s:1", ssl=True)),
        ("smtp+starttls://mail.example.org:2587", Mail(host="mail.example.org", port=2587, starttls=True)),
    ],
)  # fmt: skip
def test_an_address_says_where_as_whom_and_how_encrypted(url: str, expected: Mail) -> None:
    assert mail_of(url) == expected


@pytest.mark.parametrize("url", ["mail.example.org", "http://mail", "smtp://", "smtp://mail:70000", "smtp://u:secret@mail/x"])
def test_any_other_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_MAIL_URL") as refused:
        mail_of(url)
    assert "secret" not in str(refused.value)
