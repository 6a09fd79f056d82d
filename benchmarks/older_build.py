"""A work tree of an older commit, beside which this build is measured."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def older_build(commit: str) -> Iterator[Path]:
    """A work tree of this commit in a temporary folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        tree = Path(folder) / "before"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=sys.stderr)
