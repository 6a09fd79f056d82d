"""Replays for a person at a shell: plan, start, watch, approve, pause, resume and cancel, by the rules of the pages."""

import math
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.access.actors import command_line_actor, scope_of_name
from dashboard.access.policy import COMMAND_LINE
from dashboard.auditing.acts import newest
from dashboard.gateway import close, desk
from dashboard.replays.terminal.asked import (
    Code,
    add_what_options,
    projection_of,
    refuse_masked_filter,
    way_of,
    what_of,
)
from dashboard.replays.terminal.printed import plan_lines, replay_lines, short_line
from dashboard.replays.terminal.scoped import refuse_outside
from dashboard.scoping.current import answering
from eventstore.actions import Actor, Confirmation
from eventstore.config import shell_command
from eventstore.jobs import Job, State, Wish
from eventstore.management import stopping_by_signal
from eventstore.model import EventStoreError
from eventstore.replays import Aim

REFUSED = 2
LOOK_SECONDS = 1.0
WISHES = {
    Wish.NONE: "",
    Wish.PAUSE: ", and pauses as soon as nothing of it is half done",
    Wish.CANCEL: ", and is cancelled as soon as nothing of it is half done",
}


class Command(BaseCommand):
    help = (
        "Give a projection events again. Exit status: 0 done, 2 refused or not possible, and for 'status --wait' 1 if the "
        "replay failed or was cancelled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        plan = verbs.add_parser("plan", help="what it would do; nothing is changed")
        add_what_options(plan)
        start = verbs.add_parser("start", help="queue what was planned, with the same options")
        add_what_options(start)
        start.add_argument("--confirm", required=True, metavar="CODE", help="the code that 'replay plan' has printed")
        start.add_argument("--throttle", type=float, default=None, help="events a second, at most")
        start.add_argument("--accept-hazards", action="store_true", help="its grave hazards have been read")
        status = verbs.add_parser("status", help="how far a replay is; without an id, the newest ones")
        status.add_argument("id", nargs="?", default="")
        status.add_argument("--wait", action="store_true", help="until it has ended")
        approve = verbs.add_parser("approve", help="agree to what another person has asked for")
        approve.add_argument("--digest", default="", help="of the plan that is agreed to, as 'replay approve ID' prints it")
        for verb in (approve, *(verbs.add_parser(name, help=f"{name} a replay") for name in ("pause", "resume", "cancel"))):
            verb.add_argument("id")
        for verb in verbs.choices.values():
            verb.add_argument("--as", dest="actor", metavar="NAME", default="", help="act as this person of the desk")
            verb.add_argument("--reason", default="", help="why, for the record")

    def handle(self, *args: Any, verb: str, actor: str = "", **options: Any) -> None:
        act: Callable[..., int] = getattr(self, verb)
        try:
            with answering(lambda: scope_of_name(actor)):
                refuse_outside(actor, options)
                if actor and options.get("filter"):
                    refuse_masked_filter(options["filter"], actor)
                status = act(_named(actor) if verb not in ("plan", "status") else None, {**options, "by": actor})
        except EventStoreError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        except DatabaseError as error:
            raise CommandError(f"A database did not do this ({type(error).__name__}).", returncode=REFUSED) from error
        finally:
            close()
        if status:
            raise SystemExit(status)

    def plan(self, actor: None, options: dict[str, Any]) -> int:
        aim = _aim(options)
        plan = desk().replay_plans.plan(aim, Actor(name=options["by"], via=COMMAND_LINE) if options["by"] else None)
        last = newest(plan.resource)
        for line in plan_lines(plan):
            self.stdout.write(line)
        code = Code(digest=plan.digest, until=plan.until, since=last.number if last else 0)
        self.stdout.write(f"  Code: {code.text()}")
        return 0

    def start(self, actor: Actor, options: dict[str, Any]) -> int:
        code, throttle = Code.of(options["confirm"]), _throttle(options)
        aim = _aim(options, confirmed=True)
        grave = {hazard.danger.value: hazard.text for hazard in desk().replay_plans.plan(aim).hazards if hazard.grave}
        if grave and not options["accept_hazards"]:
            raise CommandError(f"Read its hazards, then add --accept-hazards: {' '.join(grave.values())}", returncode=REFUSED)
        job = desk().replay_plans.confirm(
            actor,
            aim,
            confirmation=Confirmation(digest=code.digest, since=code.since),
            reason=_reason(options),
            throttle=throttle,
            read=grave,
        )
        self.stdout.write(f"{job.id} is {job.state}.")
        if job.state is State.WAITING:
            self.stdout.write(f"Another person approves it: {shell_command('replay', 'approve', job.id, '--as', 'NAME')}")
        return 0

    def status(self, actor: None, options: dict[str, Any]) -> int:
        if not options["id"]:
            for one in desk().replays.newest(limit=20):
                self.stdout.write(short_line(one))
            return 0
        found = desk().replays.watch(options["id"])
        with stopping_by_signal() as stop:
            while options["wait"] and not found.job.state.has_ended and not stop.wait(LOOK_SECONDS):
                found = desk().replays.watch(options["id"])
        for line in replay_lines(found):
            self.stdout.write(line)
        return int(options["wait"] and found.job.state is not State.SUCCEEDED)

    def approve(self, actor: Actor, options: dict[str, Any]) -> int:
        """Without a digest, show what there is to agree to."""
        job = desk().jobs.get(options["id"])
        if not options["digest"]:
            for line in plan_lines(desk().replay_plans.plan_of(job)):
                self.stdout.write(line)
            self.stdout.write(f"  Digest: {job.digest}")
            return 0
        return self._say(desk().replay_plans.approve(actor, job.id, digest=options["digest"], reason=options["reason"]))

    def pause(self, actor: Actor, options: dict[str, Any]) -> int:
        return self._say(desk().jobs.pause(actor, _replay(options["id"]), reason=options["reason"]))

    def resume(self, actor: Actor, options: dict[str, Any]) -> int:
        return self._say(desk().jobs.resume(actor, _replay(options["id"]), reason=options["reason"]))

    def cancel(self, actor: Actor, options: dict[str, Any]) -> int:
        return self._say(desk().jobs.cancel(actor, _replay(options["id"]), reason=_reason(options)))

    def _say(self, job: Job) -> int:
        self.stdout.write(f"{job.id} is {job.state}{WISHES[job.wish]}.")
        return 0


def _named(name: str) -> Actor:
    """A replay is always somebody's of the desk, so that another person can approve it."""
    if not name:
        raise CommandError("Say who acts, with --as NAME: a person of the desk.", returncode=REFUSED)
    return command_line_actor(name)


def _aim(options: dict[str, Any], *, confirmed: bool = False) -> Aim:
    projection, what = projection_of(options["projection"]), what_of(options)
    until = Code.of(options["confirm"]).until if confirmed else None
    way = way_of(options["way"], projection, what)
    return desk().replay_plans.aim(projection, way, what, until=until, ticket=options["ticket"])


def _throttle(options: dict[str, Any]) -> float | None:
    given: float | None = options["throttle"]
    if given is not None and not 0 < given < math.inf:
        raise CommandError("--throttle is a number of events a second above 0. Leave it out for no limit.", returncode=REFUSED)
    return given


def _replay(id: str) -> str:
    """The id, if it is a replay's. Raises ``UnknownJob``."""
    return desk().replays.watch(id).job.id


def _reason(options: dict[str, Any]) -> str:
    if not options["reason"].strip():
        raise CommandError("Say why, for the record, with --reason.", returncode=REFUSED)
    return str(options["reason"])
