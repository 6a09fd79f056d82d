"""Every page of the desk that the tests of looks open: relative addresses, for the desk of ``tests.browser.furnished``."""

from collections.abc import Iterable

from django.urls import resolve

EVENT = "e3"
LOGIN = "login/"
JOB = "0123456789ab"
REPLAY = "0123456789ac"
PAGES = (
    "",
    "topics/",
    "topics/documents/",
    "topics/documents/tail/",
    "topics/documents/details/",
    "tail/",
    "aggregates/",
    "aggregates/document/",
    "aggregates/document/d1/",
    "aggregates/document/d1/erasure/?count=1",
    "aggregates/document/d1/erasure/forgettings/new/",
    "aggregates/?q=nothing-like-it",
    f"events/{EVENT}/",
    "subscriptions/",
    "topics/documents/subscriptions/app-timeline/",
    "topics/documents/subscriptions/app-timeline/?aggregate=d1",
    "topics/documents/subscriptions/app-timeline/waiting/",
    "topics/documents/subscriptions/app-timeline/cursor-resets/new/?to=earliest",
    "jobs/",
    f"jobs/{JOB}/",
    "replays/",
    f"replays/{REPLAY}/",
    f"replays/{REPLAY}/report/",
    "replays/new/",
    "replays/new/?projection=documents/app-timeline&kind=everything",
    "topics/documents/subscriptions/app-timeline/cursor-resets/events/?to=latest",
    "topics/documents/subscriptions/app-timeline/moves/",
    "topics/documents/subscriptions/app-timeline/skips/new/?skip=all",
    "topics/documents/subscriptions/app-timeline/skips/events/?skip=all",
    "topics/documents/subscriptions/app-timeline/dead-letters/",
    "topics/documents/subscriptions/app-timeline/dead-letters/keepers/new/",
    "topics/documents/subscriptions/app-timeline/dead-letters/burials/new/?all=1",
    "topics/documents/subscriptions/app-timeline/dead-letters/redrives/new/?all=1",
    "projections/",
    "projections/documents~2Fapp-timeline/",
    "projections/documents~2Fapp-timeline/generations/app-timeline-v2/",
    "audit/",
    "masking/",
    "masking/?topic=documents",
    "masking/?topic=documents&type=DocumentUploaded",
    "reveals/",
    "reveals/new/?aggregate_type=document&aggregate_id=d1",
    "cases/",
    "cases/new/",
    "account/",
    "account/password/",
    "account/second-factor/",
)
NOT_FOUND = "topics/no-such-topic/"
NOTICED = (
    "anomalies/",
    "anomalies/sequence-skips/",
    "anomalies/duplicate-id/",
    "anomalies/unreadable/",
    "anomalies/schema/",
    "anomalies/sequence-skips/?type=order&id=skips",
    "index/",
    "topics/orders/",
    "aggregates/order/skips/",
    "aggregates/order/",
    "aggregates/?q=twice-1",
    "events/skips-5/",
    "events/twice-1/",
    "events/clean-2/",
)
"""Pages that show anomalies, the progress of the index, and copies with their originals."""
FOREIGN = (
    "topics/loans/",
    "aggregates/LOAN_CASE/",
    "aggregates/LOAN_CASE/Case~202237/",
    "events/log-3/",
    "aggregates/?q=Case+2237",
)
"""Pages of events as foreign systems name and date them."""
WITH_A_SEARCH = "topics/documents/?filter=data.pages%3E1"
EVERY_PAGE = (*PAGES, *NOTICED, *FOREIGN, WITH_A_SEARCH)
NO_PAGES = {
    "audit_export": "a download",
    "replay_export": "a download",
    "replay_confirmations": "only posted; what it shows after a refusal is the page of the preview",
    "replay_approval": "none waits here; tests/web/test_replays_asked.py opens it",
    "replay_approvals": "only posted; what it shows after a refusal is the page of the approval",
    "logout": "only posted",
    "cursor_resets": "only posted; what it shows after a refusal is the page of the preview",
    "job_pauses": "only posted",
    "job_resumptions": "only posted",
    "job_cancellations": "only posted; what it shows after a refusal is the job's page",
    "job_approvals": "only posted",
    "job_throttles": "only posted",
    "cursor_undo_new": "there is none before a move; tests/browser/test_blocking_event.py opens it after one",
    "cursor_undos": "only posted; what it shows after a refusal is the page of the preview",
    "skips": "only posted; what it shows after a refusal is the page of the preview",
    "burials": "only posted; what it shows after a refusal is the page of the preview",
    "redrives": "only posted; what it shows after a refusal is the page of the preview",
    "letter_keepers": "only posted; what it shows after a refusal is the page of the preview",
    "letter_exports": "a download",
    "erasure_exports": "a download",
    "forgettings": "only posted; what it shows after a refusal is the page of the preview",
    "generation_promotions": "only posted; what it shows after a refusal is the generation's page",
    "generation_discards": "only posted; what it shows after a refusal is the generation's page",
    "reveal_confirmations": "only posted; what it shows after a refusal is the form",
    "emergency_reveal_new": "not allowed here; the form is that of other reveals",
    "emergency_reveals": "only posted",
    "reveal_ends": "only posted",
    "reveals_in_force": "for the script of open pages",
    "reveal_exports": "a download",
    "reveal_acknowledgements": "only posted",
    "case": "there is none here; tests/browser/test_case_story.py looks at one",
    "case_openings": "only posted; what it shows after a refusal is the form",
    "case_notes": "only posted; what it shows after a refusal is the case's page",
    "case_closings": "only posted",
    "case_exports": "only posted; tests/browser/test_case_story.py looks at what it shows",
    "second_step": "not for whole logins; tests/browser/test_account_story.py looks at it",
    "session_ends": "only posted",
    "password_changes": "only posted; what it shows after a refusal is the form",
    "second_factor_enrolments": "only posted; tests/browser/test_account_story.py looks at what it shows",
    "recovery_codes": "only posted",
    "second_factor_removals": "only posted; what it shows after a refusal is the form",
    "tokens": "for admins; tests/browser/test_account_story.py looks at it",
    "token_new": "for admins; tests/browser/test_account_story.py looks at it",
    "token_makings": "only posted; tests/browser/test_account_story.py looks at what it shows",
    "token_revocation": "for admins; tests/browser/test_account_story.py looks at it",
    "token_revocations": "only posted",
    "search": "a fragment; others are redirected to the topic's page",
    "search_stops": "only posted",
    "event_payload": "a download",
    "demo_app": "the demo's alone; tests/unit/setup/test_demo_app.py opens it",
    "healthz": "for machines",
    "readyz": "for machines",
    "metrics": "for machines",
    "robots": "for machines",
}
"""Names of the URL table that no person looks at, with the reason."""


def names_of(addresses: Iterable[str]) -> set[str | None]:
    """The names by which the URL table knows them."""
    return {resolve("/" + address.partition("?")[0]).url_name for address in addresses}
