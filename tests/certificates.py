"""Certificates for tests: an authority of their own, and what it signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

A_DAY = timedelta(days=1)


class Authority:
    """Signs certificates into a folder, in which ``ca.pem`` is its own."""

    def __init__(self, folder: Path, name: str = "An authority of the tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._name, self._key = folder, _named(name), ec.generate_private_key(ec.SECP256R1())
        own = _begun(self._name, self._name, self._key, A_DAY).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(self, file: str, name: str, *, address: str = "", ends_in: timedelta = A_DAY) -> tuple[Path, Path]:
        """Write ``file.pem`` and ``file.key`` anew, each at once, and return their paths. ``name`` is the common name, and
        ``address`` the IP address of a server. ``ends_in`` may be negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        begun = _begun(_named(name), self._name, key, ends_in)
        if address:
            begun = begun.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        paths = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        replace(paths[1], _private(key))
        replace(paths[0], _pem(begun.sign(self._key, hashes.SHA256())))
        return paths


def replace(path: Path, content: bytes) -> None:
    """Put this content in place of the file's, as a secret is renewed: whoever reads meanwhile gets the one or the other."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _begun(name: x509.Name, by: x509.Name, key: ec.EllipticCurvePrivateKey, ends_in: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * A_DAY)
        .not_valid_after(now + ends_in)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
