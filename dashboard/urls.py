"""The URL table, from each page's own patterns. Their order does not matter: no two patterns match the same path."""

from django.urls import URLPattern

from dashboard.accounts import factor_views, passwords, second_step, token_views
from dashboard.accounts import views as accounts
from dashboard.cases import exporting as case_exporting
from dashboard.cases import views as cases
from dashboard.cursors import moves_view, undo_views
from dashboard.cursors import views as cursors
from dashboard.demo import app_view
from dashboard.erasure import forgetting_views
from dashboard.erasure import views as erasure
from dashboard.generations import views as generations
from dashboard.jobs import views as jobs
from dashboard.letters import burial_views, exporting, keeping_views
from dashboard.letters import views as letters
from dashboard.masking import views as masking
from dashboard.observing import views as observing
from dashboard.projections import views as projections
from dashboard.record import exporting as record_exports
from dashboard.record import views as record
from dashboard.redrives import views as redrives
from dashboard.replays.asking import approval_views
from dashboard.replays.asking import views as asking
from dashboard.replays.live import listing as replays
from dashboard.replays.live import report as replay_report
from dashboard.replays.live import views as replay
from dashboard.reveals import listing as reveal_listing
from dashboard.reveals import views as reveals
from dashboard.signin import views as signin
from dashboard.subscriptions import views, waiting_views
from dashboard.views import (
    aggregate_types,
    aggregates,
    anomalies,
    events,
    health,
    indexing,
    login,
    overview,
    searches,
    tail,
    topic_details,
    topics,
)

_PAGES = (
    login,
    signin,
    second_step,
    accounts,
    passwords,
    factor_views,
    token_views,
    health,
    observing,
    overview,
    anomalies,
    indexing,
    topics,
    topic_details,
    tail,
    searches,
    aggregates,
    aggregate_types,
    erasure,
    forgetting_views,
    events,
    views,
    waiting_views,
    cursors,
    jobs,
    letters,
    burial_views,
    keeping_views,
    exporting,
    redrives,
    asking,
    approval_views,
    replays,
    replay,
    replay_report,
    undo_views,
    moves_view,
    record,
    record_exports,
    reveals,
    reveal_listing,
    cases,
    case_exporting,
    projections,
    generations,
    masking,
    app_view,
)

urlpatterns: list[URLPattern] = [pattern for page in _PAGES for pattern in page.urls]

handler400 = "dashboard.web.pages.bad_request"
handler403 = "dashboard.web.pages.forbidden"
handler404 = "dashboard.web.pages.not_found"
handler500 = "dashboard.web.pages.server_error"
