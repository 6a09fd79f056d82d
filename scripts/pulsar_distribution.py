"""Pulsar's distribution in the user's cache: fetched by Maven once, and whole or not at all."""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VERSION = "4.0.8"
ARTIFACT = f"org.apache.pulsar:pulsar-server-distribution:{VERSION}:tar.gz:bin"
UNPACKING = ".unpacking-"


class BrokerProblem(RuntimeError):
    """The broker cannot be fetched or started; the text says what to do."""


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventdesk"


def distribution(say: Callable[[str], None] = print) -> Path:
    """The unpacked distribution's folder, fetched where it is not there. Two callers take turns; a kill leaves no half."""
    home = cache_folder() / f"pulsar-{VERSION}"
    if home.is_dir():
        return home
    require_programs()
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(home.parent / "pulsar.lock"):
        for leftover in home.parent.glob(f"{UNPACKING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not home.is_dir():
            with tempfile.TemporaryDirectory(prefix=UNPACKING, dir=home.parent) as folder:
                say(f"Fetching Pulsar {VERSION} with Maven (245 MB, once; kept in {home.parent}) ...")
                unpack(fetch(Path(folder)), Path(folder)).rename(home)
    return home


def fetch(folder: Path) -> Path:
    """The distribution's archive, put into the folder by Maven."""
    command = ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode != 0 or not archives:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise BrokerProblem(f"Maven could not fetch {ARTIFACT}. Check the network and Maven's settings.\n{tail}")
    return archives[0]


def unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        wanted = (member for member in tar if "/examples/" not in member.name)
        tar.extractall(folder, members=wanted, filter="data")
    archive.unlink()
    return next(path for path in folder.iterdir() if path.is_dir())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def missing_programs() -> Sequence[str]:
    """What has to be installed before a broker can run here; empty where nothing is missing."""
    missing = []
    if not java_runs():
        missing.append("a Java runtime 17 or later (Debian: apt-get install openjdk-17-jre-headless)")
    if not (cache_folder() / f"pulsar-{VERSION}").is_dir() and not shutil.which("mvn"):
        missing.append("Maven, to fetch the broker once (Debian: apt-get install maven)")
    return missing


def java_runs() -> bool:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        return False
    return subprocess.run([java, "-version"], capture_output=True, check=False).returncode == 0


def require_programs() -> None:
    missing = missing_programs()
    if missing:
        raise BrokerProblem(f"The local Pulsar broker needs {' and '.join(missing)}.")
