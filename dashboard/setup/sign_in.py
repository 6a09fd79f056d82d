"""The OpenID provider by which people log in, from the environment. Knows nothing of Django, because the settings module
imports it."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from eventstore.model import InvalidConfiguration

PREFIX = "EVENTDESK_OIDC_"
_OF_CLIENT = frozenset({"CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE"})
_KNOWN = _OF_CLIENT | {"ISSUER", "NAME", "GROUPS_CLAIM", "SCOPES", "MAX_AGE", "GRACE", "CA_FILE"}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_NAME = 40
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """One OpenID provider. Times are in seconds."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    secret_file: str = ""
    """Read each time that the secret is needed, so that another one needs no restart."""
    name: str
    """As the button on the login page calls it."""
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    max_age: int = 0
    """How old what the provider says of a person may be."""
    grace: int = 300
    """How long a login goes on while the provider does not answer."""
    ca_file: str = ""

    @property
    def metadata_url(self) -> str:
        return self.issuer.rstrip("/") + WELL_KNOWN

    def client_secret(self) -> str:
        """Empty for a public client. Raises ``OSError`` where the file cannot be read."""
        return Path(self.secret_file).read_text(encoding="utf-8").strip() if self.secret_file else self.secret


def provider_of(environment: Mapping[str, str]) -> Provider | None:
    """The provider of ``EVENTDESK_OIDC_…``; ``None`` where no issuer is named. Raises ``InvalidConfiguration``, without the
    secret."""
    given = {name.removeprefix(PREFIX): value.strip() for name, value in environment.items() if name.startswith(PREFIX)}
    if unknown := sorted(given.keys() - _KNOWN):
        raise InvalidConfiguration(f"{PREFIX}{unknown[0]} is not known. Known are {', '.join(sorted(_KNOWN))}.")
    issuer = given.get("ISSUER", "").removesuffix(WELL_KNOWN)
    if not issuer:
        if any(given.values()):
            raise InvalidConfiguration(f"{PREFIX}ISSUER is missing: name the provider's address, or set no {PREFIX}… at all.")
        return None
    host = _checked(issuer).hostname or ""
    if not given.get("CLIENT_ID"):
        raise InvalidConfiguration(f"{PREFIX}CLIENT_ID is missing: under which name the provider knows this installation.")
    secret, file = given.get("CLIENT_SECRET", ""), given.get("CLIENT_SECRET_FILE", "")
    if secret and file:
        raise InvalidConfiguration(f"Set {PREFIX}CLIENT_SECRET or {PREFIX}CLIENT_SECRET_FILE, not both.")
    _require_secret(file)
    _require_certificates(given.get("CA_FILE", ""))
    return Provider(
        issuer=issuer,
        client_id=given["CLIENT_ID"],
        secret=secret,
        secret_file=file,
        name=_name(given.get("NAME", "") or host),
        groups_claim=given.get("GROUPS_CLAIM", "") or "groups",
        scopes=_scopes(given.get("SCOPES", "")),
        max_age=_seconds("MAX_AGE", given.get("MAX_AGE", ""), default=0, most=300),
        grace=_seconds("GRACE", given.get("GRACE", ""), default=300, most=3600),
        ca_file=given.get("CA_FILE", ""),
    )


def local_login_of(environment: Mapping[str, str], provider: Provider | None) -> bool:
    """Whether people may log in with a password of this installation. Raises ``InvalidConfiguration``."""
    given = environment.get("EVENTDESK_LOCAL_LOGIN", "").strip() or "1"
    if given not in {"0", "1"}:
        raise InvalidConfiguration("EVENTDESK_LOCAL_LOGIN is 1 or 0.")
    if given == "0" and provider is None:
        raise InvalidConfiguration(f"EVENTDESK_LOCAL_LOGIN=0 needs {PREFIX}ISSUER: there would be no way to log in.")
    return given == "1"


def is_safe(url: str) -> bool:
    """Whether tokens and secrets may go there: over TLS, or not off this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _checked(issuer: str) -> SplitResult:
    try:
        parts = urlsplit(issuer)
    except ValueError:
        parts = urlsplit("")
    if not is_safe(issuer) or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidConfiguration(
            f"{PREFIX}ISSUER is not like https://login.example.org/realms/desk (http is for this machine alone)."
        )
    return parts


def _require_secret(path: str) -> None:
    try:
        if path and not Path(path).read_text(encoding="utf-8").strip():
            raise InvalidConfiguration(f"{PREFIX}CLIENT_SECRET_FILE is empty: the desk would be a client without a secret.")
    except OSError as error:
        raise InvalidConfiguration(f"{PREFIX}CLIENT_SECRET_FILE cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{PREFIX}CLIENT_SECRET_FILE is not a text in UTF-8.") from error


def _require_certificates(path: str) -> None:
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:  # an OSError too
        raise InvalidConfiguration(f"{PREFIX}CA_FILE holds no certificate (PEM).") from error
    except OSError as error:
        raise InvalidConfiguration(f"{PREFIX}CA_FILE cannot be read: {error.strerror}.") from error


def _name(name: str) -> str:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidConfiguration(f"{PREFIX}NAME has at most {LONGEST_NAME} characters, on one line.")
    return name


def _scopes(given: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(["openid", *(given or "profile email").split()]))
    if not all(re.fullmatch(r"[!#-\[\]-~]+", scope) for scope in scopes):
        raise InvalidConfiguration(f"{PREFIX}SCOPES takes names, separated by spaces.")
    return scopes


def _seconds(name: str, given: str, *, default: int, most: int) -> int:
    if not given:
        return default
    if not re.fullmatch("[0-9]{1,5}", given) or int(given) > most:
        raise InvalidConfiguration(f"{PREFIX}{name} takes a whole number of seconds, from 0 to {most}.")
    return int(given)
