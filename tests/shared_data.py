"""The permit file: real events that lie beside the checkout and are no part of the project.

It is looked for in ``EVENTDESK_SHARED``, else in ``../shared/data``. Where it is not, the tests that read it are left out and
say so; on the build server they fail instead.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "permit-receipts.ndjson.gz"


def permit_file() -> Path:
    """Where the file is. Call it inside a test that is marked ``permit``."""
    directory = Path(os.environ.get("EVENTDESK_SHARED") or ROOT.parent / "shared" / "data")
    path = directory / NAME
    if path.is_file():
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{NAME} is not there, and the build server must have it: set EVENTDESK_SHARED to its directory.")
    pytest.skip(f"left out: {NAME} is not beside this checkout (EVENTDESK_SHARED names another directory)")
