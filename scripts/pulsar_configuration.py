"""What a local broker is, and the configuration files that make it so.

They are copies of the standalone ones, with the settings without which an event store loses its events: inactive topics
are kept, and so is what is acknowledged. They are the same for every version.
"""

import base64
import hmac
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from scripts.ports import LOOPBACK
from scripts.pulsar_distribution import DEFAULT_VERSION

ADMINISTRATOR = "admin"
"""The role of a secured broker that may do everything."""
TOKENS, CERTIFICATES = (f"org.apache.pulsar.broker.authentication.AuthenticationProvider{kind}" for kind in ("Token", "Tls"))
AUDIENCE = "urn:pulsar"
IN_BETWEEN, DIRECT = "between", "direct"
"""The names of the two listeners where something stands between clients and broker: the way through, and the way past it."""

READ_AHEAD_BYTES = 256 * 1024
"""What the bookie reads ahead of an entry. Its own is 1000 entries without a bound in bytes: one event in the middle of a
topic then costs 60 ms, not 5."""

EVICTIONS_A_SECOND = 5
"""How often a short-lived broker looks for old entries in its cache. Its own is 100 times, which takes a fifth of what an idle
broker takes of a processor."""

# Pulsar's own file names an appender whose jar is only in a distribution: without it, 4.2.4 writes no log.
LOG_CONFIGURATION = """Configuration:
  status: error
  Appenders:
    Console:
      name: Console
      target: SYSTEM_OUT
      PatternLayout:
        Pattern: "%d{ISO8601_OFFSET_DATE_TIME_HHMM} [%t] %-5level %logger{36} - %msg%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        - ref: Console
"""


class Extras(TypedDict, total=False):
    """What a broker may be asked to do beside the usual."""

    websockets: bool
    """With the broker's own websocket endpoints, on its web port."""
    short_lived: bool
    """For minutes and little traffic; slower, once it runs."""
    deduplicates: bool
    """What a producer sends again after an outage is stored once."""
    transactions: bool
    """Producers may publish in transactions."""
    keeps_inside_batches: bool
    """It keeps acknowledgements of single events of a batch, as 4.1 and later do by default."""
    secured: bool
    """It asks for a token, and looks at permissions."""
    certificates: Path | None
    """It also listens with TLS, and takes a certificate in place of a token. In this folder are ``ca.pem``, whose certificates
    it trusts, and its own ``broker.pem`` and ``broker.key`` (PKCS 8)."""
    issuers_key: str
    """It takes tokens of an issuer with this public key (DER in base64) that are for ``AUDIENCE``, and no others. The role is
    the id of the client that got it."""
    issued: str
    """The issuer's token for the administrator."""
    refresh_seconds: int
    """How often it looks whether the credentials of a connection have ended."""


@dataclass(frozen=True)
class BrokerSetup:
    """A local broker's version, folder and ports, and what else it was asked to do."""

    data: Path
    port: int
    web_port: int
    bookie_port: int
    version: str = DEFAULT_VERSION
    websockets: bool = False
    short_lived: bool = False
    told_to_clients: int = 0
    deduplicates: bool = False
    transactions: bool = False
    keeps_inside_batches: bool = False
    secured: bool = False
    certificates: Path | None = None
    issuers_key: str = ""
    issued: str = ""
    refresh_seconds: int = 60
    tls_port: int = 0
    tls_web_port: int = 0

    @property
    def service_url(self) -> str:
        return f"pulsar://{LOOPBACK}:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def tls_service_url(self) -> str:
        return f"pulsar+ssl://{LOOPBACK}:{self.tls_port}"

    @property
    def tls_admin_url(self) -> str:
        return f"https://{LOOPBACK}:{self.tls_web_port}"

    @property
    def configuration(self) -> Path:
        return self.data / "standalone.conf"

    @property
    def secret_key(self) -> Path:
        """What a secured broker's tokens are signed with."""
        return self.data / "secret.key"

    @property
    def administrators_token(self) -> str:
        """With which the administrator, and the broker itself, comes to a secured broker."""
        return self.issued or token_of(self.secret_key.read_bytes(), ADMINISTRATOR)

    @property
    def log_configuration(self) -> Path:
        return self.data / "logging" / "log4j2.yaml"

    @property
    def log(self) -> Path:
        return self.data / "logs" / "broker.log"


def write_configuration(setup: BrokerSetup, home: Path) -> None:
    """Write the broker's files into its folder; ``home`` has the configuration that they are made from."""
    original = (home / "conf" / "standalone.conf").read_text()
    if setup.secured and not setup.secret_key.exists():
        setup.secret_key.parent.mkdir(parents=True, exist_ok=True)
        setup.secret_key.write_bytes(secrets.token_bytes(32))
    for path, text in (
        (setup.configuration, configured(original, settings(setup))),
        (setup.log_configuration, LOG_CONFIGURATION),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def settings(setup: BrokerSetup) -> Mapping[str, str]:
    """The settings that differ from those of the distribution, by name."""
    chosen = {
        "brokerServicePort": str(setup.port),
        "webServicePort": str(setup.web_port),
        "bindAddress": LOOPBACK,
        "advertisedAddress": LOOPBACK,
        "listeningInterface": "lo0" if sys.platform == "darwin" else "lo",  # the bookie's own word for bindAddress
        "brokerDeleteInactiveTopicsEnabled": "false",
        "defaultRetentionTimeInMinutes": "-1",
        "defaultRetentionSizeInMB": "-1",
        "allowAutoTopicCreation": "true",
        "allowAutoTopicCreationType": "non-partitioned",
        "webSocketServiceEnabled": str(setup.websockets).lower(),
        "dbStorage_readAheadCacheBatchBytesSize": str(READ_AHEAD_BYTES),
        "brokerShutdownTimeoutMs": "5000",
    }
    if setup.told_to_clients:  # which the broker takes in place of one address, not beside it
        chosen |= {
            "advertisedAddress": "",
            "advertisedListeners": f"{IN_BETWEEN}:pulsar://{LOOPBACK}:{setup.told_to_clients},{DIRECT}:{setup.service_url}",
            "internalListenerName": IN_BETWEEN,
        }
    return chosen | _extra_settings(setup)


def _extra_settings(setup: BrokerSetup) -> dict[str, str]:
    chosen: dict[str, str] = {}
    if setup.deduplicates:
        chosen["brokerDeduplicationEnabled"] = "true"
    if setup.secured:
        chosen |= {
            "authenticationEnabled": "true",
            "authorizationEnabled": "true",
            "superUserRoles": ADMINISTRATOR,
            "authenticationProviders": TOKENS,
            "brokerClientAuthenticationPlugin": "org.apache.pulsar.client.impl.auth.AuthenticationToken",
            "brokerClientAuthenticationParameters": f"token:{setup.administrators_token}",
            "authenticationRefreshCheckSeconds": str(setup.refresh_seconds),
        }
        if setup.issuers_key:
            chosen |= {
                "tokenPublicKey": f"data:;base64,{setup.issuers_key}",
                "tokenAuthClaim": "azp",
                "tokenAudienceClaim": "aud",
                "tokenAudience": AUDIENCE,
            }
        else:
            chosen["tokenSecretKey"] = setup.secret_key.as_uri()
    if setup.certificates:
        chosen |= {
            "authenticationProviders": f"{TOKENS},{CERTIFICATES}",
            "brokerServicePortTls": str(setup.tls_port),
            "webServicePortTls": str(setup.tls_web_port),
            "tlsTrustCertsFilePath": str(setup.certificates / "ca.pem"),
            "tlsCertificateFilePath": str(setup.certificates / "broker.pem"),
            "tlsKeyFilePath": str(setup.certificates / "broker.key"),
        }
    if setup.keeps_inside_batches:
        chosen["acknowledgmentAtBatchIndexLevelEnabled"] = "true"
    if setup.transactions:
        chosen["transactionCoordinatorEnabled"] = "true"
    if setup.short_lived:
        chosen["managedLedgerCacheEvictionFrequency"] = str(EVICTIONS_A_SECOND)
    return chosen


def token_of(secret: bytes, role: str, *, ends: float | None = None) -> str:
    """A token (JWT, HS256) for this role; ``ends``: seconds since 1970, never if not given."""
    claims = {"sub": role} if ends is None else {"sub": role, "exp": int(ends)}
    head, body = (_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{head}.{body}.{_base64(hmac.digest(secret, f'{head}.{body}'.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def configured(original: str, changes: Mapping[str, str]) -> str:
    """The configuration with these settings in place of its own; what it does not mention comes at the end."""
    left = dict(changes)
    lines = []
    for line in original.splitlines():
        name = line.partition("=")[0].strip()
        if name in changes and not line.startswith("#"):
            if name in left:
                lines.append(f"{name}={left.pop(name)}")
            continue
        lines.append(line)
    lines += [f"{name}={value}" for name, value in left.items()]
    return "\n".join(lines) + "\n"
