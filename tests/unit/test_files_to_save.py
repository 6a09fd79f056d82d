"""Files that a page hands out: the browser saves them, and is told so in one place."""

from django.http import HttpResponse

from dashboard.web.pages import as_file
from tests.unit.documentation import ROOT


def test_a_file_is_saved_under_its_name_and_never_shown() -> None:
    answer = as_file(HttpResponse(b"x", content_type="application/json"), "case-7.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="case-7.json"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    strange = as_file(HttpResponse(), 'a"\r\nSet-Cookie: b=ü.json')
    assert "\r" not in strange.headers["Content-Disposition"]


def test_every_file_that_is_handed_out_goes_through_it() -> None:
    own = [path.name for path in (ROOT / "dashboard").rglob("*.py") if "Content-Disposition" in path.read_text()]
    assert own == ["pages.py"]
