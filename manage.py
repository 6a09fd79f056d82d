"""Django's command line for this project."""

import os
import sys

NOTHING_DONE = 2
"""As commands have it that tell "not at all" from "not all of it"."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    os.umask(0o077)  # what commands and the processes of serve write in the data directory is their owner's alone
    if sys.argv[1:2] == ["serve"] and "--demo" in sys.argv:
        os.environ["EVENTDESK_DEMO"] = "1"  # before the settings are read: serve would have to start again
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    from dashboard.hints import of_process

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        from eventstore.management.configured import error_message

        if not (text := error_message(error, "")):
            raise
        print(f"CommandError: {text}", file=sys.stderr)  # noqa: T201
        sys.exit(NOTHING_DONE)
    finally:
        of_process.finish()


if __name__ == "__main__":
    main()
