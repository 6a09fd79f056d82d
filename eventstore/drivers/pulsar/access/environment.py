"""The access settings that the environment gives. Docs: ``docs/point-at-your-pulsar.md``."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from eventstore.drivers.pulsar.access.credentials import TOKEN, TOKEN_FILE, AccessSettings
from eventstore.drivers.pulsar.access.oauth2 import ISSUER, KEY_FILE, OAuth2Settings
from eventstore.drivers.pulsar.access.oauth2 import TRUST as ISSUER_TRUST
from eventstore.drivers.pulsar.access.tls import CERTIFICATE, KEY, TRUST, TlsFiles
from eventstore.model.errors import InvalidConfiguration


def settings_of(environ: Mapping[str, str]) -> AccessSettings:
    """Raises ``InvalidConfiguration`` for settings that cannot work. The files have to be there, whatever is in them."""
    token_file, token = environ.get("PULSAR_TOKEN_FILE", ""), environ.get("PULSAR_TOKEN", "")
    _check_file(TOKEN_FILE, token_file)
    tls, oauth2 = _tls(environ), _oauth2(environ)
    if oauth2 is not None and (token_file or token):
        raise InvalidConfiguration(f"{ISSUER} and {TOKEN_FILE} (or {TOKEN}) are both given: Eventdesk uses one of them.")
    return AccessSettings(token="" if token_file else token, token_file=token_file, oauth2=oauth2, tls=tls)


def _tls(environ: Mapping[str, str]) -> TlsFiles:
    files = TlsFiles(
        trust_certs=environ.get("PULSAR_TLS_TRUST_CERTS", ""),
        certificate=environ.get("PULSAR_TLS_CERTIFICATE", ""),
        key=environ.get("PULSAR_TLS_KEY", ""),
    )
    for variable, path in zip((TRUST, CERTIFICATE, KEY), files.paths, strict=True):
        _check_file(variable, path)
    if files.key and not files.certificate:
        raise InvalidConfiguration(f"{KEY} is given without {CERTIFICATE}: give the certificate's file as well.")
    return files


def _oauth2(environ: Mapping[str, str]) -> OAuth2Settings | None:
    found = OAuth2Settings(
        issuer_url=environ.get("PULSAR_OAUTH2_ISSUER_URL", ""),
        key_file=environ.get("PULSAR_OAUTH2_KEY_FILE", ""),
        audience=environ.get("PULSAR_OAUTH2_AUDIENCE", ""),
        scope=environ.get("PULSAR_OAUTH2_SCOPE", ""),
        trust_certs=environ.get("PULSAR_OAUTH2_TRUST_CERTS", ""),
    )
    if not found.issuer_url and not found.key_file:
        return None
    if not found.issuer_url or not found.key_file:
        raise InvalidConfiguration(f"{ISSUER} and {KEY_FILE} belong together: give both, or neither.")
    if not _is_safe(found.issuer_url):
        raise InvalidConfiguration(f"{ISSUER} must begin with https:// and name a host: the client's secret is sent to it.")
    _check_file(KEY_FILE, found.key_file)
    _check_file(ISSUER_TRUST, found.trust_certs)
    return found


def _is_safe(url: str) -> bool:
    """Whether a secret may be sent there. Within this machine it may go without TLS."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_file(variable: str, path: str) -> None:
    if not path:
        return
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise InvalidConfiguration(f"{variable} cannot be read: {error.strerror}.") from None
