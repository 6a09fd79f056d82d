"""Pulsar's programs in the user's cache, one folder a version: fetched by Maven once, and whole or not at all.

4.0.8 is the newest version whose server distribution is on Maven Central. Of newer versions only the broker's jars are there:
such a version's folder has these jars, and the start script and configuration of 4.0.8.
"""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

DEFAULT_VERSION = "4.0.8"
NEWER_VERSION = "4.2.4"
VERSIONS = (DEFAULT_VERSION, NEWER_VERSION)

ARTIFACT = f"org.apache.pulsar:pulsar-server-distribution:{DEFAULT_VERSION}:tar.gz:bin"
UNPACKING = ".unpacking-"

# Without Pulsar's own parent as a BOM, versions of OpenTelemetry clash, and the broker ends with NoSuchMethodError.
JARS = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eventdesk</groupId><artifactId>local-pulsar</artifactId><version>1</version><packaging>pom</packaging>
  <dependencyManagement><dependencies><dependency>
    <groupId>org.apache.pulsar</groupId><artifactId>pulsar</artifactId><version>{version}</version>
    <type>pom</type><scope>import</scope>
  </dependency></dependencies></dependencyManagement>
  <dependencies><dependency>
    <groupId>org.apache.pulsar</groupId><artifactId>pulsar-broker</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""


class BrokerProblem(RuntimeError):
    """The broker cannot be fetched or started; the text says what to do."""


def chosen_version() -> str:
    """The version that the environment variable ``PULSAR_VERSION`` names; ``DEFAULT_VERSION`` if it is not set.

    Raises ``BrokerProblem`` for a version that is not in ``VERSIONS``.
    """
    return known_version(os.environ.get("PULSAR_VERSION") or DEFAULT_VERSION)


def known_version(version: str) -> str:
    """The same version. Raises ``BrokerProblem`` if it is not in ``VERSIONS``."""
    if version not in VERSIONS:
        raise BrokerProblem(
            f"There is no local Pulsar broker of version {version!r}. Set PULSAR_VERSION to one of: {', '.join(VERSIONS)}."
        )
    return version


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventdesk"


def home_of(version: str) -> Path:
    """The folder of a version's programs, there or not."""
    return cache_folder() / f"pulsar-{version}"


def distribution(version: str = DEFAULT_VERSION, say: Callable[[str], None] = print) -> Path:
    """The folder of a version's programs, fetched if it is not there. Two callers take turns; a kill leaves no half.

    Raises ``BrokerProblem`` for an unknown version, a missing program, or when Maven fails.
    """
    home = home_of(known_version(version))
    if home.is_dir():
        return home
    require_programs(version)
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(home.parent / "pulsar.lock"):
        for leftover in home.parent.glob(f"{UNPACKING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for needed in dict.fromkeys((DEFAULT_VERSION, version)):
            if not home_of(needed).is_dir():
                _fill(home_of(needed), needed, say)
    return home


def _fill(home: Path, version: str, say: Callable[[str], None]) -> None:
    """Fetch a version beside its place, and move it there once it is whole."""
    with tempfile.TemporaryDirectory(prefix=UNPACKING, dir=home.parent) as name:
        folder = Path(name)
        say(f"Fetching Pulsar {version} with Maven (245 MB, once; kept in {home.parent}) ...")
        whole = unpack(fetch(folder)) if version == DEFAULT_VERSION else assemble(version, folder)
        whole.rename(home)


def fetch(folder: Path) -> Path:
    """The archive of the default version's distribution, put into the folder by Maven."""
    _maven(["dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"], folder, ARTIFACT)
    return next(folder.glob("*.tar.gz"))


def unpack(archive: Path) -> Path:
    """Unpack the distribution beside its archive, without the examples, and remove the archive."""
    with tarfile.open(archive) as tar:
        wanted = (member for member in tar if "/examples/" not in member.name)
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it from 3.11.4 on
        tar.extractall(archive.parent, members=wanted)
    archive.unlink()
    return next(path for path in archive.parent.iterdir() if path.is_dir())


def assemble(version: str, folder: Path) -> Path:
    """A home of a version without a distribution: its jars, with start script and configuration of the default version."""
    home = folder / "home"
    for name in ("bin", "conf"):
        shutil.copytree(home_of(DEFAULT_VERSION) / name, home / name)
    fetch_jars(version, folder, home / "lib")
    return home


def fetch_jars(version: str, folder: Path, lib: Path) -> None:
    """Put the broker's jars and all that they need into ``lib``; ``folder`` is where Maven may work."""
    (folder / "pom.xml").write_text(JARS.format(version=version))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={lib}"]
    _maven(goal, folder, f"the jars of org.apache.pulsar:pulsar-broker:{version}")


def _maven(goal: Sequence[str], folder: Path, what: str) -> None:
    done = subprocess.run(["mvn", "-B", "-q", *goal], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise BrokerProblem(f"Maven could not fetch {what}. Check the network and Maven's settings.\n{tail}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def missing_programs(version: str = DEFAULT_VERSION) -> Sequence[str]:
    """What has to be installed before a broker of this version can run here; empty where nothing is missing."""
    missing = []
    if not java_runs():
        missing.append("a Java runtime 17 or later (Debian: apt-get install openjdk-17-jre-headless)")
    if not home_of(version).is_dir() and not shutil.which("mvn"):
        missing.append("Maven, to fetch the broker once (Debian: apt-get install maven)")
    return missing


def java_runs() -> bool:
    return bool(java_version())


def java_version() -> str:
    """What the Java runtime that starts brokers says of itself; empty if there is none that runs."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    return _version_of(java) if java and Path(java).exists() else ""


@cache
def _version_of(java: str) -> str:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    return "" if told.returncode else told.stdout + told.stderr


def require_programs(version: str = DEFAULT_VERSION) -> None:
    missing = missing_programs(version)
    if missing:
        raise BrokerProblem(f"The local Pulsar broker needs {' and '.join(missing)}.")
