"""Asks by pip-audit whether a pinned dependency has a known vulnerability: ``python -m scripts.audit_dependencies``.

Fails if one has. pip-audit itself ends with status 0 if it could ask nobody, which would read as a clean result. Here that is
said in so many words, and is no failure either, because a machine without a network must be able to run the tests; with
``--required`` it is one.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINS = ("-r", str(ROOT / "requirements.txt"), "-r", str(ROOT / "requirements-dev.txt"))
SECONDS = 300
VULNERABLE, NOT_AUDITED = 1, 2
COMMAND = ("-m", "pip_audit", *PINS, "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def main(arguments: Sequence[str]) -> int:
    required = "--required" in arguments
    more = [argument for argument in arguments if argument != "--required"]
    try:
        done = subprocess.run([sys.executable, *COMMAND, *more], capture_output=True, text=True, timeout=SECONDS, check=False)
        output, trouble = done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        output, trouble = "", f"no answer within {SECONDS} s"
    lines, status = verdict(output, trouble)
    print("\n".join(lines))
    return status if status != NOT_AUDITED or required else 0


def verdict(output: str, trouble: str = "") -> tuple[list[str], int]:
    """What pip-audit's report in JSON says, in lines, and a status: 0 if every dependency was audited and has no known
    vulnerability. ``trouble`` is what it said beside the report."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = trouble.strip().rpartition("\n")[2][:300] or "pip-audit gave no report"
        return [f"NOT AUDITED: pip-audit could not ask for known vulnerabilities ({reason})."], NOT_AUDITED
    found = [f"{one['name']} {one['version']}: {_told(vuln)}" for one in dependencies for vuln in one.get("vulns", [])]
    skipped = [one for one in dependencies if "skip_reason" in one]
    audited = len(dependencies) - len(skipped)
    lines = [f"VULNERABLE: {line}" for line in found]
    if skipped:
        names = ", ".join(one["name"] for one in skipped[:5]) + (" …" if len(skipped) > 5 else "")
        lines.append(f"NOT AUDITED: the source of advisories did not know {len(skipped)} of {len(dependencies)}: {names}.")
    if audited:
        lines.append(f"Audited {audited} dependencies: {len(found)} known vulnerabilities.")
    elif not skipped:
        lines.append("NOT AUDITED: pip-audit found no dependency.")
    return lines, VULNERABLE if found else NOT_AUDITED if skipped or not audited else 0


def _told(vuln: dict[str, Any]) -> str:
    fixed = ", ".join(vuln.get("fix_versions") or []) or "no version yet"
    return f"{vuln['id']} (mended in {fixed})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
