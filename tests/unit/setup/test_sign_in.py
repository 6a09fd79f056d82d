"""The provider's settings in the environment."""

from pathlib import Path

import pytest

from dashboard.setup.sign_in import local_login_of, provider_of
from eventstore.model import InvalidConfiguration

GIVEN = {"EVENTDESK_OIDC_ISSUER": "https://login.example.org/realms/desk", "EVENTDESK_OIDC_CLIENT_ID": "eventdesk"}


def test_without_an_issuer_nobody_signs_in_by_a_provider() -> None:
    assert provider_of({}) is None
    assert provider_of({"EVENTDESK_OIDC_ISSUER": " "}) is None
    assert local_login_of({}, None) is True


def test_what_is_not_said_has_a_default() -> None:
    by = provider_of(GIVEN)
    assert by is not None
    assert (by.name, by.groups_claim, by.max_age, by.grace) == ("login.example.org", "groups", 0, 300)
    assert by.scopes == ("openid", "profile", "email")
    assert by.metadata_url == "https://login.example.org/realms/desk/.well-known/openid-configuration"
    with_path = provider_of({**GIVEN, "EVENTDESK_OIDC_ISSUER": by.metadata_url})
    assert with_path == by


def test_the_secret_is_read_from_its_file_each_time_and_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    by = provider_of({**GIVEN, "EVENTDESK_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert by is not None
    assert by.client_secret() == "first"
    file.write_text("second")
    assert by.client_secret() == "second"
    direct = provider_of({**GIVEN, "EVENTDESK_OIDC_CLIENT_SECRET": "very-secret"})
    assert direct is not None
    assert (direct.client_secret(), "very-secret" in repr(direct)) == ("very-secret", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"EVENTDESK_OIDC_ISSUER": "http://login.example.org"},
        {"EVENTDESK_OIDC_ISSUER": "login.example.org"},
        {"EVENTDESK_OIDC_ISSUER": "https://"},
        {"EVENTDESK_OIDC_ISSUER": "https://user:password@login.example.org"},
        {"EVENTDESK_OIDC_ISSUER": "https://login.example.org/?x=1"},
        {"EVENTDESK_OIDC_ISSUER": "https://[bad"},
        {"EVENTDESK_OIDC_ISSUER": ""},
        {"EVENTDESK_OIDC_CLIENT_ID": ""},
        {"EVENTDESK_OIDC_CLIENT_SECRET_FILE": "/nowhere/at/all"},
        {"EVENTDESK_OIDC_CA_FILE": "/nowhere/at/all"},
        {"EVENTDESK_OIDC_CLIENT_SECRET": "very-secret", "EVENTDESK_OIDC_CLIENT_SECRET_FILE": "/dev/null"},
        {"EVENTDESK_OIDC_CLIENT_SECRET_FILE": "/dev/null"},
        {"EVENTDESK_OIDC_CA_FILE": __file__},
        {"EVENTDESK_OIDC_GROUP_CLAIM": "groups"},
        {"EVENTDESK_OIDC_NAME": "x" * 41},
        {"EVENTDESK_OIDC_NAME": "a\nb"},
        {"EVENTDESK_OIDC_SCOPES": 'a "b'},
        {"EVENTDESK_OIDC_MAX_AGE": "301"},
        {"EVENTDESK_OIDC_MAX_AGE": "-1"},
        {"EVENTDESK_OIDC_GRACE": "five"},
    ],
    ids=str,
)
def test_a_wrong_setting_stops_the_start_with_one_line_without_the_secret(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        provider_of({**GIVEN, **wrong})
    assert "EVENTDESK_OIDC_" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("very-secret", "password", "\n"))


def test_passwords_are_not_turned_off_where_that_leaves_no_way_in() -> None:
    by = provider_of(GIVEN)
    assert local_login_of({"EVENTDESK_LOCAL_LOGIN": "0"}, by) is False
    for wrong in ("0", "no"):
        with pytest.raises(InvalidConfiguration):
            local_login_of({"EVENTDESK_LOCAL_LOGIN": wrong}, None)
