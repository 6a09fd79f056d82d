"""Who gets which answer from every page and every websocket: written by hand, so that no change of the code goes unseen.

A new route needs a row for each method that it answers. Whatever has no row is answered 405 to those who may see the page, and
sends a stranger to the login.
"""

from typing import NamedTuple

ALL = "viewer support approver privacy auditor admin"
EVERYONE_WITH_A_LOGIN = f"outsider {ALL}"
HELPERS = "support approver admin"
REVEALERS = "support approver privacy admin"
IN_AN_EMERGENCY = "viewer support approver privacy admin"
APPROVERS = "approver admin"
READERS_OF_THE_RECORD = "support approver privacy auditor admin"
OVERSEERS = "privacy auditor admin"
PRIVACY_OFFICERS = "privacy admin"
PRIVACY = "privacy"
ADMINS = "admin"
ANYBODY = "anybody"
"""Without a login too."""

HIDDEN = 404
SAME = 0
"""Of an address that names nothing of the store: a scope changes what the page lists, and not its status."""


class Row(NamedTuple):
    """``inside`` and ``outside``: the status for those who may, of a thing in their scope and of one outside of it. Others get
    403. A POST is sent without a form, so it is often refused as incomplete (4xx)."""

    route: str
    method: str
    who: str
    inside: int
    outside: int


GET, POST = "GET", "POST"

PAGES = (
    Row("login", GET, ANYBODY, 200, SAME),
    Row("login", POST, ANYBODY, 200, SAME),
    Row("logout", POST, ANYBODY, 302, SAME),
    Row("healthz", GET, ANYBODY, 200, SAME),
    Row("readyz", GET, ANYBODY, 200, SAME),
    Row("robots", GET, ANYBODY, 200, SAME),
    Row("metrics", GET, ANYBODY, 401, SAME),  # for a token: tests/web/test_metrics.py
    Row("sign_in", POST, ANYBODY, 404, SAME),  # there is no provider here
    Row("sign_in_callback", GET, ANYBODY, 404, SAME),
    Row("signed_out", GET, ANYBODY, 404, SAME),
    Row("second_step", GET, ANYBODY, 302, SAME),  # to the login, for whoever is not half-way through one
    Row("second_step", POST, ANYBODY, 302, SAME),
    # -- one's own account, and tokens
    Row("account", GET, EVERYONE_WITH_A_LOGIN, 200, SAME),
    Row("session_ends", POST, EVERYONE_WITH_A_LOGIN, 302, SAME),
    Row("password", GET, EVERYONE_WITH_A_LOGIN, 200, SAME),
    Row("password_changes", POST, EVERYONE_WITH_A_LOGIN, 422, SAME),
    Row("second_factor", GET, EVERYONE_WITH_A_LOGIN, 200, SAME),
    Row("second_factor_enrolments", POST, EVERYONE_WITH_A_LOGIN, 422, SAME),
    Row("recovery_codes", POST, EVERYONE_WITH_A_LOGIN, 422, SAME),
    Row("second_factor_removals", POST, EVERYONE_WITH_A_LOGIN, 422, SAME),
    Row("tokens", GET, ADMINS, 200, SAME),
    Row("token_new", GET, ADMINS, 200, SAME),
    Row("token_makings", POST, ADMINS, 422, SAME),
    Row("token_revocation", GET, ADMINS, 404, SAME),
    Row("token_revocations", POST, ADMINS, 404, SAME),
    # -- places
    Row("overview", GET, ALL, 200, SAME),
    Row("anomalies", GET, ALL, 200, SAME),
    Row("anomalies_of_kind", GET, ALL, 200, SAME),
    Row("indexing", GET, ALL, 200, SAME),
    Row("masking", GET, PRIVACY_OFFICERS, 200, SAME),
    Row("demo_app", GET, ALL, 404, SAME),  # in demo mode only
    # -- topics and aggregates
    Row("topics", GET, ALL, 200, SAME),
    Row("topic", GET, ALL, 200, HIDDEN),
    Row("topic_details", GET, ALL, 200, HIDDEN),
    Row("tails", GET, ALL, 200, SAME),
    Row("tail", GET, ALL, 200, HIDDEN),
    Row("search", GET, ALL, 404, SAME),  # whoever began none
    Row("search_stops", POST, ALL, 404, SAME),
    Row("aggregates", GET, ALL, 200, SAME),
    Row("aggregate_type", GET, ALL, 200, HIDDEN),
    Row("aggregate", GET, ALL, 200, HIDDEN),
    Row("erasure", GET, PRIVACY_OFFICERS, 200, HIDDEN),
    Row("erasure_exports", POST, PRIVACY_OFFICERS, 200, HIDDEN),
    Row("forgetting_new", GET, PRIVACY_OFFICERS, 403, HIDDEN),  # it acts on all topics, and their scope has not all
    Row("forgettings", POST, PRIVACY_OFFICERS, 403, HIDDEN),
    Row("event", GET, ALL, 200, HIDDEN),
    Row("event_payload", GET, HELPERS, 200, HIDDEN),
    # -- subscriptions
    Row("subscriptions", GET, ALL, 200, SAME),
    Row("subscription", GET, ALL, 200, HIDDEN),
    Row("waiting_events", GET, ALL, 200, HIDDEN),
    Row("cursor_moves", GET, ALL, 200, HIDDEN),
    Row("cursor_reset_new", GET, HELPERS, 200, HIDDEN),
    Row("cursor_reset_events", GET, HELPERS, 200, HIDDEN),
    Row("cursor_resets", POST, HELPERS, 400, HIDDEN),
    Row("skip_new", GET, HELPERS, 200, HIDDEN),
    Row("skip_events", GET, HELPERS, 200, HIDDEN),
    Row("skips", POST, HELPERS, 400, HIDDEN),
    Row("cursor_undo_new", GET, HELPERS, 409, HIDDEN),
    Row("cursor_undos", POST, HELPERS, 409, HIDDEN),
    Row("dead_letters", GET, ALL, 200, HIDDEN),
    Row("letter_exports", POST, ALL, 200, HIDDEN),
    Row("burial_new", GET, HELPERS, 400, HIDDEN),
    Row("burials", POST, HELPERS, 400, HIDDEN),
    Row("letter_keeper_new", GET, HELPERS, 200, HIDDEN),
    Row("letter_keepers", POST, HELPERS, 409, HIDDEN),
    Row("redrive_new", GET, HELPERS, 400, HIDDEN),
    Row("redrives", POST, HELPERS, 400, HIDDEN),
    # -- projections, replays and jobs
    Row("projections", GET, ALL, 200, SAME),
    Row("projection", GET, ALL, 200, HIDDEN),
    Row("generation", GET, ALL, 404, HIDDEN),
    Row("generation_promotions", POST, HELPERS, 404, HIDDEN),
    Row("generation_discards", POST, HELPERS, 404, HIDDEN),
    Row("replays", GET, ALL, 200, SAME),
    Row("replay_new", GET, HELPERS, 200, SAME),
    Row("replay_confirmations", POST, HELPERS, 400, SAME),
    Row("replay", GET, ALL, 200, HIDDEN),
    Row("replay_report", GET, READERS_OF_THE_RECORD, 200, HIDDEN),
    Row("replay_export", GET, READERS_OF_THE_RECORD, 200, HIDDEN),
    Row("replay_approval", GET, APPROVERS, 200, HIDDEN),
    Row("replay_approvals", POST, APPROVERS, 409, HIDDEN),
    Row("jobs", GET, ALL, 200, SAME),
    Row("job", GET, ALL, 200, HIDDEN),
    Row("job_pauses", POST, HELPERS, 409, HIDDEN),
    Row("job_resumptions", POST, HELPERS, 409, HIDDEN),
    Row("job_cancellations", POST, HELPERS, 400, HIDDEN),
    Row("job_throttles", POST, HELPERS, 400, HIDDEN),
    Row("job_approvals", POST, APPROVERS, 409, HIDDEN),
    # -- the record, reveals and cases
    Row("audit", GET, READERS_OF_THE_RECORD, 200, SAME),
    Row("audit_export", GET, READERS_OF_THE_RECORD, 400, SAME),
    Row("reveals", GET, OVERSEERS, 200, SAME),
    Row("reveal_exports", POST, OVERSEERS, 200, SAME),
    Row("reveal_acknowledgements", POST, PRIVACY, 404, SAME),
    Row("reveal_new", GET, REVEALERS, 404, SAME),
    Row("reveal_confirmations", POST, REVEALERS, 404, SAME),
    Row("emergency_reveal_new", GET, IN_AN_EMERGENCY, 404, SAME),
    Row("emergency_reveals", POST, IN_AN_EMERGENCY, 404, SAME),
    Row("reveal_ends", POST, ALL, 404, SAME),
    Row("reveals_in_force", GET, ALL, 200, SAME),
    Row("cases", GET, f"{READERS_OF_THE_RECORD}", 200, SAME),
    Row("case_new", GET, REVEALERS, 200, SAME),
    Row("case_openings", POST, REVEALERS, 422, SAME),
    Row("case", GET, READERS_OF_THE_RECORD, 404, SAME),
    Row("case_notes", POST, REVEALERS, 404, SAME),
    Row("case_closings", POST, REVEALERS, 404, SAME),
    Row("case_exports", POST, READERS_OF_THE_RECORD, 404, SAME),
)


OPEN = {"login", "healthz", "readyz", "robots"}
"""Answered to everybody."""
BY_PROVIDER = {"sign_in", "sign_in_callback", "signed_out"}
"""Not there, unless people sign in by a provider: see tests.signin."""
METRICS = "metrics"


class Asked(NamedTuple):
    """What a parameter of an address names: of a thing inside of the scope, and of one outside of it. ``{}`` stands for it."""

    route: str
    query: str
    inside: int
    outside: int


PARAMETERS = (
    Asked("tails", "topic={topic}", 200, 404),
    Asked("tails", "aggregate_type={type}&aggregate_id={id}", 200, 400),
    Asked("subscriptions", "topic={topic}", 200, 200),
    Asked("event", "at={at}", 200, 404),
    Asked("reveal_new", "aggregate_type={type}&aggregate_id={id}", 200, 404),
    Asked("reveal_new", "event={event}&at={at}", 200, 404),
    Asked("replay_new", "projection={projection}&kind=everything", 200, 404),
    Asked("audit", "on={topic}", 200, 200),
)
"""Answered in the same words for a thing outside of the scope as for one that does not exist."""


class Socket(NamedTuple):
    """``who``: roles of people whose handshake is accepted; ``tokens``: the same of API tokens that open the tail."""

    route: str
    who: str
    tokens: str


SOCKETS = (
    Socket("tail_live", ALL, ALL),
    Socket("tails_live", ALL, ALL),
    Socket("reveals_live", ALL, ""),
)
CLOSED_OUTSIDE = 4404
"""The code with which a tail of something outside of the scope closes, as one of something that does not exist."""
