"""Run command lines of this project one after the other in one process, as ``python manage.py …`` runs each.

Reads JSON from the standard input, a list of {"line", "arguments", "stdin"}. Writes JSON: for each the line, the exit status
and what was said. Those that serve until they are stopped only say how they are used.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

FOR_EVER = {"serve", "run_demo_traffic", "run_demo_app"}
NEED_MORE = {"replay", "forget_values", "check_running", "set_groups", "check"}
"""They act on jobs, aggregates, processes or settings that are not there: they only say how they are used."""


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django

    django.setup()
    _make_the_demo_small()
    answers = [_run(**asked) for asked in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def _make_the_demo_small() -> None:
    from dashboard.demo import history

    history.PATIENTS, history.USERS = 12, 5


def _run(line: str, arguments: list[str], stdin: str) -> dict[str, object]:
    from django.core.management import execute_from_command_line

    if arguments[0] in {*FOR_EVER, *NEED_MORE} or arguments in (["run_index"], ["run_jobs"]):
        arguments = [*arguments, "--help"]
    if "--forget" in arguments:
        _take_away(arguments[arguments.index("--topic") + 1])
    said, status = io.StringIO(), 0
    with contextlib.ExitStack() as around:
        around.enter_context(contextlib.redirect_stdout(said))
        around.enter_context(contextlib.redirect_stderr(said))
        if stdin:
            around.callback(setattr, sys, "stdin", sys.stdin)
            sys.stdin = around.enter_context(Path(stdin).open(encoding="utf-8"))
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return {"line": line, "status": status, "said": said.getvalue()}


def _take_away(topic: str) -> None:
    """Only a topic that is gone from the store can be forgotten."""
    from eventstore.drivers.database.models import TopicRow

    TopicRow.objects.using("store").filter(name=topic).update(name=f"{topic}-gone")


if __name__ == "__main__":
    main()
