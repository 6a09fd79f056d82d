"""Lighthouse from npm, in the user's cache: fetched once for each lock file, and whole or not at all.

12.8.2 is the newest version that runs on Node 20; from 13 on it needs Node 22.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.pulsar_distribution import cache_folder, locked

NODE = Path(__file__).parent / "lighthouse_node"
OLDEST_NODE = (18, 16)
FORMS = ("desktop", "mobile")
SKIPPED = {"is-crawlable": "no search engine may list a desk: its addresses alone name customers"}
"""Audits that are left out, with the reason."""
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
ENOUGH = {
    "desktop": {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100},
    "mobile": {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100},
}
"""Points that a page must have. For performance, Lighthouse multiplies the times of this machine's processor, for a phone by
four. So the same page gets fewer points on a slow machine: on two cores of a shared one, pages had 97 to 100 as on a phone."""
RUNS = 3
"""A page with fewer points is measured again, and its best points count. Other processes can only slow it down."""


class LighthouseProblem(RuntimeError):
    """Lighthouse cannot be fetched or run; the text says what to do."""


def require_node() -> None:
    """Raises ``LighthouseProblem`` if node or npm is missing, or is too old."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        raise LighthouseProblem(
            f"Lighthouse needs Node 18.16 or newer with npm, and {' and '.join(missing)} cannot be found. "
            "Install them (Debian: apt-get install nodejs npm)."
        )
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = re.match(r"v(\d+)\.(\d+)", said)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_NODE:
        raise LighthouseProblem(f"Lighthouse needs Node 18.16 or newer, and this is {said}. Install a newer one.")


def installed(say: Callable[[str], None] = print) -> Path:
    """The folder with Lighthouse and what it needs, fetched if it is not there. Two callers take turns.

    Raises ``LighthouseProblem`` if Node is missing or npm fails.
    """
    require_node()
    lock = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"lighthouse-{lock}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lighthouse.lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=".installing-", dir=folder.parent) as name:
                whole = Path(name) / "whole"
                whole.mkdir()
                _install(whole, say)
                whole.rename(folder)
    return folder


def _install(folder: Path, say: Callable[[str], None]) -> None:
    say(f"Fetching Lighthouse with npm (once; kept in {folder.parent.parent}) ...")
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(NODE / file, folder)
    done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LighthouseProblem(f"npm could not fetch Lighthouse: {done.stderr.strip()[-1000:]}")


def measured(
    pages: Sequence[str], form: str, *, chromium: str, flags: Sequence[str], cookies: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Mapping[str, Any]]:
    """Measure these addresses, and yield ``url``, ``runs``, ``scores`` and ``lost`` of each as soon as it is there.

    ``scores`` are 0 to 100 by category. ``lost`` names what cost points, by category. ``form`` is one of ``FORMS``.
    """
    asked = {
        "chromium": chromium,
        "flags": [*flags, "--headless=new"],
        "cookies": list(cookies),
        "pages": list(pages),
        "form": form,
        "runs": RUNS,
        "enough": ENOUGH[form],
        "skipped": list(SKIPPED),
    }
    command = ["node", str(NODE / "measure.mjs"), str(installed())]
    with tempfile.TemporaryFile() as errors:
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment
        ) as process:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            errors.seek(0)
            raise LighthouseProblem(f"Lighthouse failed: {errors.read().decode(errors='replace').strip()[-2000:]}")


def missing_points(result: Mapping[str, Any], form: str) -> Iterator[str]:
    """A sentence for each category in which the page has too few points, or none at all."""
    for name in CATEGORIES:
        points = result["scores"].get(name)
        if points is None or points < ENOUGH[form][name]:
            lost = "; ".join(result["lost"].get(name, ())) or "no audit says why"
            yield f"{name} {'not measured' if points is None else points}: {lost}"
