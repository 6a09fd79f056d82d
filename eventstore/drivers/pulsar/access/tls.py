"""TLS: how the broker is known, and the certificate that Eventdesk shows it. Host names are always checked."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from eventstore.drivers.pulsar.access.files import Fresh
from eventstore.drivers.pulsar.access.jwt import LONGEST_NAME
from eventstore.model.errors import NotLetIn, NotTrusted

TRUST, CERTIFICATE, KEY = "PULSAR_TLS_TRUST_CERTS", "PULSAR_TLS_CERTIFICATE", "PULSAR_TLS_KEY"
AFTERWARDS = 0.5
"""Seconds for which a broker may think about our certificate."""
NOT_THE_BROKER = (
    "What answers at {where} does not prove that it is the broker ({why}), so nothing is sent to it. "
    "Check the address, the broker's certificate, and {trust}."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """Paths of PEM files; empty if there are none. Without ``key``, the certificate's file has it."""

    trust_certs: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def paths(self) -> tuple[str, str, str]:
        return self.trust_certs, self.certificate, self.key


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that Eventdesk shows: whose it is, and when it ends."""

    holder: str
    ends: datetime


class Tls:
    """What is made of the files, as they are now. Thread-safe."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._context = Fresh(files.paths, lambda: _context(files))
        self._shown = Fresh((files.certificate,), lambda: _shown(files.certificate))

    def stamp(self) -> object:
        """Return what changes once one of the files changes."""
        return self._context.stamp()

    def context(self) -> ssl.SSLContext:
        """Raises ``NotLetIn`` or ``NotTrusted`` if the files cannot be used."""
        return self._context.get()

    def shown(self) -> Shown | None:
        """Return what is known of the certificate; ``None`` if there is none that can be read."""
        return self._shown.get() if self.files.certificate else None


@dataclass(frozen=True, slots=True)
class TlsProblem:
    """Why a handshake failed. ``why``: what is wrong with the broker's certificate; empty if it did not take ours."""

    why: str

    def of_broker(self, where: str) -> NotTrusted | None:
        return NotTrusted(NOT_THE_BROKER.format(where=where, why=self.why, trust=TRUST)) if self.why else None


def tls_problem(error: BaseException | None) -> TlsProblem | None:
    """Return what of this error, or of one that caused it, was a certificate; ``None`` if none was."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return TlsProblem((error.verify_message or "its certificate does not fit").rstrip("."))
        if isinstance(error, ssl.SSLError):
            reason = error.reason or ""
            if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")):
                return TlsProblem("")
            if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
                return TlsProblem("it does not speak TLS")
        error = error.__cause__ or error.__context__
    return None


def shake_hands(host: str, port: int, context: ssl.SSLContext, seconds: float) -> TlsProblem | None:
    """Connect and disconnect, and return what was wrong with a certificate, if anything.

    With TLS 1.3 the broker looks at ours after the handshake: then it says so within a moment, or waits for us to speak.
    """
    try:
        with (
            socket.create_connection((host, port), seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as safe,
        ):
            safe.settimeout(AFTERWARDS)
            safe.recv(1)
    except OSError as error:
        return tls_problem(error)
    return None


def _context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.trust_certs or None)
    except OSError as error:
        raise NotTrusted(f"{TRUST} cannot be used ({_why(error)}), so the broker cannot be known.") from None
    if files.certificate:
        try:
            # without this, OpenSSL would ask at the terminal for the password of a key that has one
            context.load_cert_chain(files.certificate, files.key or None, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise NotLetIn(
                f"{CERTIFICATE} and {KEY} cannot be used ({_why(error)}), so the broker does not let Eventdesk in."
            ) from None
    return context


def _why(error: Exception) -> str:
    """Return what is wrong with a file. OpenSSL's own words name no content."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a PEM file").replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or "not a PEM file"


def _shown(path: str) -> Shown | None:
    try:
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (OSError, ValueError):
        return None
    name = str(names[0].value) if names else ""
    return Shown(name if name.isprintable() and len(name) <= LONGEST_NAME else "", certificate.not_valid_after_utc)
