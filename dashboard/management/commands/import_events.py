"""Import a file of CloudEvents JSON, one event on each line, into the configured store."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from dashboard.access.actors import add_as_option, command_line_actor
from dashboard.gateway import desk
from dashboard.running.signals import StoppableFile
from eventstore.actions import Ending, Part, Running, topic_resource
from eventstore.config import shell_command
from eventstore.importing import PUBLISH, ImportSummary, import_messages, parse_lines
from eventstore.management import stopping_by_signal
from eventstore.model import EventStoreError, UnknownTopic

REFUSED = 2
SUFFIXES = (".gz", ".ndjson", ".jsonl", ".json")


class Command(BaseCommand):
    help = (
        "Import CloudEvents JSON, one event a line, plain or gzip. Exit status: 0 all in, 1 some lines were rejected and the "
        "rest is in, 2 nothing could be done or the store failed on the way, 130 or 143 stopped by a signal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file; - is standard input")
        parser.add_argument(
            "--topic", default="", help="into this topic, made if it is missing (default: one named like the file)"
        )
        parser.add_argument("--progress", action="store_true", help="show the progress bar even if this is not a terminal")
        add_as_option(parser)

    def handle(self, *args: Any, file: str, topic: str, progress: bool, actor: str = "", **options: Any) -> None:
        summary = ImportSummary()
        try:
            name = topic or topic_of(file)
            with _open(file) as source, stopping_by_signal() as stop, _bar(file, progress) as bar:
                if not topic:
                    _refuse_to_make(name, file)
                summary = self.run(StoppableFile(source, stop, bar.update), name, actor, bar, file)
        except EventStoreError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=REFUSED) from error
        self.stdout.write(summary_text(summary, name, stopped=stop.number != 0))
        if stop.number:
            sys.exit(128 + stop.number)
        if summary.rejected_count:
            sys.exit(1)

    def run(self, source: StoppableFile, name: str, actor: str, bar: "tqdm[Any]", file: str) -> ImportSummary:
        """The import as one recorded act. A stop ends it after the current batch."""
        here = desk()
        with here.actions.perform(command_line_actor(actor), PUBLISH, topic_resource(name), {}) as act:
            progress = Progress(bar, act)
            topic = here.log.create_topic(name)
            try:
                lines = source.until_stopped(parse_lines(source, packed=file.lower().endswith(".gz")))
                summary = import_messages(here.log, topic.name, lines, on_progress=progress.show)
            except KeyboardInterrupt:  # it was waiting for input: everything before has been imported
                summary = progress.last
            except EventStoreError as error:
                act.parts.append(Part(name="the batch after that", ending=Ending.UNKNOWN, reason=str(error)))
                raise type(error)(f"{error} {before(progress.last.imported)} imported before that.") from error
            progress.show(summary)
            act.facts["stopped"] = bool(source.stop.number)
        for warning in summary.warnings:
            self.stderr.write(f"Warning: {warning}")
        return summary


class Progress:
    """Prints each rejected line once, above the progress bar, and keeps the counts on the act, as soon as a batch is done."""

    def __init__(self, bar: "tqdm[Any]", act: Running) -> None:
        self.bar, self.act = bar, act
        self.reported = 0
        self.last = ImportSummary()

    def show(self, summary: ImportSummary) -> None:
        self.last = summary
        for line in summary.rejected[self.reported :]:
            self.bar.write(f"line {line.number}: {line.reason}", file=sys.stderr)
        self.reported = len(summary.rejected)
        self.act.facts |= {
            "imported": summary.imported,
            "already_there": summary.already_there,
            "rejected": summary.rejected_count,
        }
        if summary.imported:
            self.act.parts[:] = [Part(name=f"the first {counted(summary.imported, 'event')}", ending=Ending.DONE)]


def topic_of(file: str) -> str:
    """The file's name without its suffixes. Raises ``CommandError`` for standard input, which has no name."""
    name = Path(file).name
    if file == "-":
        raise CommandError("Standard input has no name: say which topic with --topic.", returncode=REFUSED)
    while name.lower().endswith(SUFFIXES) and "." in name[1:]:
        name = name.rpartition(".")[0]
    return name


def summary_text(summary: ImportSummary, topic: str, *, stopped: bool) -> str:
    of = f" of {counted(summary.aggregates, 'aggregate')}" if summary.imported else ""
    parts = [f"{counted(summary.imported, 'event')}{of} imported into {topic}"]
    if summary.already_there:
        parts.append(f"{summary.already_there} {'was' if summary.already_there == 1 else 'were'} already there")
    if summary.rejected_count:
        parts.append(f"{counted(summary.rejected_count, 'line')} {'was' if summary.rejected_count == 1 else 'were'} rejected")
    text = ", ".join(parts) + "."
    if summary.rejected_count > len(summary.rejected):
        text += f" Only the first {len(summary.rejected)} rejected lines are shown."
    if stopped:
        text = f"Stopped after {counted(summary.lines, 'line')}. {text} The rest of the file was not read."
    return text


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def before(imported: int) -> str:
    return f"{counted(imported, 'event')} {'was' if imported == 1 else 'were'}"


def _refuse_to_make(name: str, file: str) -> None:
    """Raise ``CommandError`` if there is no such topic: one is made only if it is named."""
    try:
        desk().log.topic(name)
    except UnknownTopic as error:
        command = shell_command("import_events", file, "--topic", name)
        raise CommandError(
            f"There is no topic {name!r}, and none is made from a file's name. To make it: {command}", returncode=REFUSED
        ) from error


def _open(file: str) -> Any:
    return Path(file).open("rb") if file != "-" else open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _bar(file: str, wanted: bool) -> "tqdm[Any]":
    size = Path(file).stat().st_size if file != "-" else None
    visible = wanted or sys.stderr.isatty()
    return tqdm(total=size, unit="B", unit_scale=True, desc="import", disable=not visible, file=sys.stderr)
