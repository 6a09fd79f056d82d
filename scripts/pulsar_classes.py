"""The classes of a version's broker, as Java keeps them after it has loaded them: an archive beside the version's programs.

To find, unpack and parse some 15,000 classes is half of the work of a start. With the archive, Java maps them into memory: a
short-lived broker is healthy after 5 processor seconds instead of 10. The archive has 85 MB, and making it takes a broker that
is started and stopped: 20 processor seconds, once for each version of Pulsar and of Java.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from scripts.pulsar_distribution import java_version, locked


def options_that_make(archive: Path) -> Sequence[str]:
    """With these, Java writes the archive when it ends by itself or by SIGTERM."""
    return [f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def options_that_use(archive: Path) -> Sequence[str]:
    """With these, Java starts from the archive. It starts without, and says nothing, if the archive is of no use to it."""
    return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off"]


def class_archive(home: Path, make: Callable[[Path], None]) -> Path | None:
    """The archive for the programs in ``home`` and the Java of now, made if it is not there. Two callers take turns.

    ``make`` is told the path and runs a broker with ``options_that_make``. None if this Java writes no archive, which an empty
    file records.
    """
    archive = home / f"classes-{sha256(java_version().encode()).hexdigest()[:12]}.jsa"
    if not archive.exists():
        with locked(home / "classes.lock"):
            if not archive.exists():
                _fill(archive, make)
    return archive if archive.stat().st_size else None


def _fill(archive: Path, make: Callable[[Path], None]) -> None:
    """Make the archive beside its place, and move it there once it is whole; those of other Javas go."""
    for leftover in archive.parent.glob("classes-*"):
        leftover.unlink()
    unfinished = archive.with_suffix(".unfinished")
    make(unfinished)
    if not unfinished.exists():
        unfinished.touch()
    unfinished.rename(archive)
