"""nginx on a free loopback port with ``examples/production/nginx.conf``, for tests and trials of several web processes.

Only the ports, the names of files and the server's name are changed. Its certificate signs itself.
"""

import datetime
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.launched import clear_up, launched
from scripts.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/production/nginx.conf"
NAME = "localhost"
AROUND = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/eventdesk.conf;
}}
"""
START_SECONDS = 20.0


class NginxProblem(Exception):
    """It cannot be started here. The text says what to do."""


def program() -> str | None:
    """Debian keeps it where only root's path leads."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class LocalNginx:
    """A context manager. ``url`` ends with a slash, and ``context`` trusts its certificate."""

    def __init__(self, upstreams: Sequence[int]) -> None:
        """``upstreams``: the ports of the web processes, as many as the example has."""
        found = program()
        if found is None:
            raise NginxProblem("install nginx (Debian: apt-get install nginx-light)")
        self._program = found
        self._upstreams = upstreams
        self.port, self._plain_port = free_ports(2)
        self.url = f"https://{NAME}:{self.port}/"
        self.folder = Path(tempfile.mkdtemp(prefix="eventdesk-nginx-"))
        self.folder.chmod(0o711)  # its workers are another user where this is root
        self.certificate = self.folder / "eventdesk.crt"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.make_files()
            self._start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    @property
    def log(self) -> str:
        logs = [self.folder / name for name in ("nginx.error.log", "eventdesk.error.log", "out")]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    @property
    def requests(self) -> str:
        """The lines of its log of requests."""
        return (self.folder / "eventdesk.log").read_text(errors="replace")

    def make_files(self) -> None:
        _make_certificate(self.certificate, self.folder / "eventdesk.key")
        text = EXAMPLE.read_text(encoding="utf-8")
        ports = {"8001": self._upstreams[0], "8002": self._upstreams[1]}
        changes = {f"127.0.0.1:{given}": f"127.0.0.1:{port}" for given, port in ports.items()} | {
            "listen 80;": f"listen 127.0.0.1:{self._plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "desk.example.org": NAME,
            "/etc/nginx/eventdesk": f"{self.folder}/eventdesk",
            "/var/log/nginx/": f"{self.folder}/",
        }
        for before, after in changes.items():
            if before not in text:
                raise NginxProblem(f"{EXAMPLE} has no {before!r}")
            text = text.replace(before, after)
        (self.folder / "eventdesk.conf").write_text(text, encoding="utf-8")
        (self.folder / "nginx.conf").write_text(AROUND.format(folder=self.folder), encoding="utf-8")

    def check(self) -> str:
        """What nginx itself says of the configuration; empty if it takes it. ``make_files`` comes before."""
        done = subprocess.run(self._command("-t", "-q"), capture_output=True, check=False, text=True)
        return done.stderr if done.returncode else ""

    def remove(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            clear_up(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, *more: str) -> list[str]:
        return [self._program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *more]

    def _start(self) -> None:
        self._process = launched("nginx", self._command(), self.folder / "out")
        deadline = time.monotonic() + START_SECONDS
        while not (self.folder / "nginx.pid").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NginxProblem(f"nginx does not start: {self.log[-2000:]}")
            time.sleep(0.02)


def _make_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key.chmod(0o600)
