"""Keycloak's programs in the user's cache: fetched by Maven once, and prepared to start fast.

What ``kc.sh build`` makes depends on the options that are fixed at build time; these are ``BUILT_WITH``.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.pulsar_distribution import cache_folder, java_runs, locked

UNPACKING = ".keycloak-unpacking-"
VERSION = "26.7.3"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
FETCHED_WITHIN = 240.0
"""Seconds for Maven, and for the preparation. A mirror that hangs must not hold a run of the tests for ever."""
BUILT_WITH = ("--db=dev-mem", "--health-enabled=false", "--metrics-enabled=false")


class KeycloakProblem(RuntimeError):
    """Keycloak cannot be fetched or started; the text says what to do."""


def home() -> Path:
    """The folder of its programs, there or not."""
    return cache_folder() / f"keycloak-{VERSION}"


def missing_programs() -> Sequence[str]:
    """What has to be installed before Keycloak can run here; empty where nothing is missing."""
    missing = []
    if not java_runs():
        missing.append("a Java runtime 17 or later (Debian: apt-get install openjdk-17-jre-headless)")
    if not home().is_dir() and not shutil.which("mvn"):
        missing.append("Maven, to fetch Keycloak once (Debian: apt-get install maven)")
    return missing


def distribution(say: Callable[[str], None] = print) -> Path:
    """The folder of its programs, fetched if it is not there. Two callers take turns; a kill leaves no half.

    Raises ``KeycloakProblem`` for a missing program, or when Maven or the preparation fails.
    """
    if home().is_dir():
        return home()
    if missing := missing_programs():
        raise KeycloakProblem(f"Keycloak needs {' and '.join(missing)}.")
    home().parent.mkdir(parents=True, exist_ok=True)
    with locked(home().parent / "keycloak.lock"):
        for leftover in home().parent.glob(f"{UNPACKING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not home().is_dir():
            _fill(say)
    return home()


def _fill(say: Callable[[str], None]) -> None:
    """Fetch and prepare it beside its place, and move it there once it is whole."""
    with tempfile.TemporaryDirectory(prefix=UNPACKING, dir=home().parent) as name:
        folder = Path(name)
        say(f"Fetching Keycloak {VERSION} with Maven (180 MB, once; kept in {home().parent}) ...")
        _run(["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"], folder)
        archive = next(folder.glob("*.zip"))
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        archive.unlink()
        whole = next(path for path in folder.iterdir() if path.is_dir())
        (whole / "bin" / "kc.sh").chmod(0o755)  # zipfile forgets who may execute what
        _run([str(whole / "bin" / "kc.sh"), "build", *BUILT_WITH], folder)
        whole.rename(home())


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=FETCHED_WITHIN
        )
    except subprocess.TimeoutExpired as error:
        text = f"{command[0]} took longer than {FETCHED_WITHIN:.0f} seconds. Check the network and Maven's settings."
        raise KeycloakProblem(text) from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise KeycloakProblem(f"{command[0]} failed. Check the network and Maven's settings.\n{tail}")
