"""How a local broker's process is started: its command, its environment, and the shell that ends it with its parent.

Every version is started by the start script of the default version's distribution.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.launched import launched
from scripts.ports import LOOPBACK
from scripts.pulsar_configuration import BrokerSetup

MEMORY = "-Xms512m -Xmx1g -XX:MaxDirectMemorySize=1g"
MEMORY_FOR_WEBSOCKETS = "-Xms1g -Xmx4g -XX:MaxDirectMemorySize=2g"
"""The broker's own endpoints keep what their readers have not taken: fifty that are behind filled a gigabyte, and the broker
never came back."""

SHORT_LIVED = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""For a broker that is gone before thorough compilation has paid: it starts with half the work."""

NO_LOG_CONFIGURATION = "/nonexistent/log4j2.yaml"
"""The start script puts the folder of this file on the class path. An archive of classes is taken only if each folder
there is the same as in the archive, and empty or missing."""

TICKING = "broker-client-s"
"""How the kernel shortens the name of the thread that counts the timeouts of the broker's own client. It wakes up a thousand
times a second, for 3 % of a processor: nine tenths of what an idle broker takes."""
TICKS_MAY_WAIT_NS = 10_000_000
"""With this, the kernel wakes it a hundred times a second. Its timeouts are of seconds."""


def launch(setup: BrokerSetup, home: Path, java_options: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start the broker in a process group of its own. Its output goes to ``setup.log``; its configuration is written.

    ``java_options``: what a short-lived broker's Java gets besides.
    """
    setup.log.parent.mkdir(parents=True, exist_ok=True)
    return launched("pulsar", command(setup, home), setup.log, env={**os.environ, **environment(setup, java_options)})


def calm(broker: int, processes: Path = Path("/proc")) -> None:
    """Let the ticking thread of this process wake up less often. It goes on as it was where only root may do that, where the
    kernel's files are read-only or emulated, or on no Linux."""
    for thread in (processes / str(broker) / "task").glob("*"):
        try:
            if (thread / "comm").read_text().startswith(TICKING):
                (processes / thread.name / "timerslack_ns").write_text(str(TICKS_MAY_WAIT_NS))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except OSError:
            return


def command(setup: BrokerSetup, home: Path) -> Sequence[str]:
    """What starts the programs in ``home`` as this broker."""
    return [
        *(str(home / "bin" / "pulsar"), "standalone", "--no-stream-storage", "--no-functions-worker"),
        *("--config", str(setup.configuration)),
        *([] if setup.told_to_clients else ["--advertised-address", LOOPBACK]),
        *("--metadata-dir", str(setup.data / "metadata"), "--bookkeeper-dir", str(setup.data / "bookkeeper")),
        *("--bookkeeper-port", str(setup.bookie_port)),
    ]


def environment(setup: BrokerSetup, java_options: Sequence[str] = ()) -> Mapping[str, str]:
    """The start script's variables for this broker."""
    own = {
        "PULSAR_MEM": MEMORY_FOR_WEBSOCKETS if setup.websockets else MEMORY,
        "PULSAR_LOG_DIR": str(setup.log.parent),
        "PULSAR_LOG_CONF": str(setup.log_configuration),
        "PULSAR_STANDALONE_CONF": str(setup.configuration),
    }
    if not setup.short_lived:
        return own
    log = f"-Dlog4j.configurationFile={setup.log_configuration}"
    return {**own, "PULSAR_LOG_CONF": NO_LOG_CONFIGURATION, "PULSAR_GC": " ".join([SHORT_LIVED, log, *java_options])}
