"""The permit file: real events that lie next to the checkout and are not part of the project.

It is searched in ``EVENTDESK_SHARED``, otherwise in ``../shared/data``. If it is missing, the tests that read it are
skipped with a message. On the build server they fail.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "permit-receipts.ndjson.gz"


def permit_file() -> Path:
    """Return the path of the file. Call it inside a test that is marked ``permit``."""
    directory = Path(os.environ.get("EVENTDESK_SHARED") or ROOT.parent / "shared" / "data")
    path = directory / NAME
    if path.is_file():
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{NAME} is not there, and the build server must have it: set EVENTDESK_SHARED to its directory.")
    pytest.skip(f"left out: {NAME} is not beside this checkout (EVENTDESK_SHARED names another directory)")
