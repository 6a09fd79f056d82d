"""The page for a database that does not answer or lacks its tables. It queries no database, not even for who is logged in."""

import logging
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from dashboard.setup.database_state import DatabaseState, databases_in_use, state_of
from dashboard.web.pages import reloads_itself, wants_fragment
from eventstore.config import migrate_command

log = logging.getLogger(__name__)
NAMES = {
    "default": "The database of people and of the audit record",
    "index": "The index\u2019s database",
    "store": "The embedded store\u2019s database",
}


def database_problem(request: HttpRequest) -> HttpResponse | None:
    """A page with status 503 that names each database in trouble and what to run; ``None`` if none is."""
    states = {alias: state_of(alias) for alias in databases_in_use()}
    troubled = {alias: state for alias, state in states.items() if state is not DatabaseState.OK}
    if not troubled:
        return None
    log.error("Databases: %s", ", ".join(f"{alias} {state}" for alias, state in troubled.items()))
    if wants_fragment(request):
        return HttpResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"HX-Refresh": "true"})
    reloads_itself(request)
    text = render_to_string(
        "errors/database.html",
        {
            "title": "A database is not usable",
            "problems": [f"{NAMES[alias]} {state}." for alias, state in troubled.items()],
            "commands": [migrate_command(alias) for alias, state in troubled.items() if state is DatabaseState.NO_TABLES],
        },
    )
    return HttpResponse(text, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "5"})
