"""Files of secrets: read again when they change, and a sentence without their content where they cannot be used."""

import os
from pathlib import Path

import pytest

from eventstore.drivers.pulsar.access.credentials import AccessSettings, Credentials
from eventstore.drivers.pulsar.access.environment import settings_of
from eventstore.drivers.pulsar.access.tls import Tls, TlsFiles
from eventstore.model.errors import InvalidConfiguration, NotLetIn, NotTrusted
from tests.certificates import Authority, replace

MARKER = "marker-5b1c"


def test_a_token_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{MARKER}-1\n")
    credentials = Credentials(AccessSettings(token_file=str(file)))
    assert credentials.headers() == {"Authorization": f"Bearer {MARKER}-1", "X-Pulsar-Auth-Method-Name": "token"}
    replace(file, f"{MARKER}-2".encode())
    assert credentials.token() == f"{MARKER}-2"
    file.write_text(f"{MARKER}-3 longer")  # in place, as an editor may do
    assert credentials.token() == f"{MARKER}-3 longer"


def test_a_file_behind_a_link_that_is_swapped_is_read_again(tmp_path: Path) -> None:
    """As Kubernetes mounts secrets."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name)
        os.utime(tmp_path / name / "token", (1, 1))
    (tmp_path / "data").symlink_to("one")
    credentials = Credentials(AccessSettings(token_file=str(tmp_path / "data" / "token")))
    assert credentials.token() == "one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "data")
    assert credentials.token() == "two"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe" + MARKER.encode(), "is not text"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_used_is_named_and_one_that_can_is_taken_later(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    credentials = Credentials(AccessSettings(token_file=str(file)))
    for _ in range(2):
        with pytest.raises(NotLetIn, match=f"PULSAR_TOKEN_FILE.*{said}|file of PULSAR_TOKEN_FILE {said}") as raised:
            credentials.token()
        assert MARKER not in str(raised.value)
    replace(file, b"good")
    assert credentials.token() == "good"


def test_a_certificate_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("desk", "desk-1")
    tls = Tls(TlsFiles(trust_certs=str(authority.certificate), certificate=str(certificate), key=str(key)))
    first, shown = tls.context(), tls.shown()
    assert tls.context() is first
    assert shown is not None
    assert shown.holder == "desk-1"
    authority.issue("desk", "desk-2")
    assert tls.context() is not first
    again = tls.shown()
    assert again is not None
    assert again.holder == "desk-2"


def test_a_key_that_does_not_fit_its_certificate_is_named_until_the_right_one_comes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("desk", "desk")
    right = key.read_bytes()
    replace(key, authority.issue("other", "other")[1].read_bytes())
    tls = Tls(TlsFiles(certificate=str(certificate), key=str(key)))
    with pytest.raises(NotLetIn, match=r"PULSAR_TLS_KEY cannot be used \(key values mismatch\)") as raised:
        tls.context()
    assert "BEGIN" not in str(raised.value)
    replace(key, right)
    tls.context()


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(NotTrusted, match="PULSAR_TLS_TRUST_CERTS cannot be used"):
        Tls(TlsFiles(trust_certs=str(tmp_path / "ca.pem"))).context()
    with pytest.raises(NotTrusted, match="No such file"):
        Tls(TlsFiles(trust_certs=str(tmp_path / "none.pem"))).context()


ISSUER, KEY_FILE = {"PULSAR_OAUTH2_ISSUER_URL": "https://id.example.org/realms/x"}, {"PULSAR_OAUTH2_KEY_FILE": __file__}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PULSAR_TOKEN_FILE": "/nowhere/token"}, "PULSAR_TOKEN_FILE cannot be read: No such file"),
        ({"PULSAR_TLS_KEY": __file__}, "PULSAR_TLS_KEY is given without PULSAR_TLS_CERTIFICATE"),
        ({"PULSAR_TLS_TRUST_CERTS": "/nowhere/ca.pem"}, "PULSAR_TLS_TRUST_CERTS cannot be read"),
        (ISSUER, "belong together"),
        (KEY_FILE, "belong together"),
        (ISSUER | KEY_FILE | {"PULSAR_TOKEN": MARKER}, "both given"),
        (KEY_FILE | {"PULSAR_OAUTH2_ISSUER_URL": "http://id.example.org"}, "must begin with https"),
        (KEY_FILE | {"PULSAR_OAUTH2_ISSUER_URL": f"https://u:{MARKER}@id.example.org"}, "must begin with https"),
        (KEY_FILE | {"PULSAR_OAUTH2_ISSUER_URL": "https://[::1"}, "must begin with https"),
    ],
)
def test_settings_that_cannot_work_stop_the_start_in_one_line(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said) as raised:
        settings_of(environment)
    assert MARKER not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("issuer", ["https://id.example.org", "http://127.0.0.1:8080/realms/x", "http://localhost:1"])
def test_an_issuer_may_be_asked_without_tls_within_this_machine_alone(issuer: str) -> None:
    found = settings_of(KEY_FILE | {"PULSAR_OAUTH2_ISSUER_URL": issuer, "PULSAR_OAUTH2_AUDIENCE": "urn:pulsar"})
    assert found.oauth2 is not None
    assert (found.oauth2.issuer_url, found.oauth2.audience) == (issuer, "urn:pulsar")


def test_a_token_shows_in_no_repr(tmp_path: Path) -> None:
    settings = settings_of({"PULSAR_TOKEN": MARKER})
    assert settings.token == MARKER
    credentials = Credentials(settings)
    assert MARKER not in repr(settings) + repr(credentials) + repr(vars(credentials)) + repr(credentials.headers())
