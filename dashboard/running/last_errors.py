"""Errors that nobody handles: what would end up on standard error with all its text becomes a line of the log without it."""

import logging
import sys
import threading
from types import TracebackType

log = logging.getLogger("eventdesk")


def log_unhandled() -> None:
    """From now on. Where a debugger or a test runner has put a hook of its own, that one stays."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _ends_process
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _ends_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _ends_nothing


def _ends_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if hasattr(sys, "ps1"):  # somebody types, and sees what they did wrong
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("This process ends by an unforeseen error.", exc_info=(kind, error, trace))


def _ends_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        log.error("A thread ended by an unforeseen error.", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))


def _ends_nothing(args: "sys.UnraisableHookArgs") -> None:
    """The object in which it was raised is not named: it may show what it holds."""
    if args.exc_value is not None:
        log.error(
            "An error was ignored where none can be raised.", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
        )
