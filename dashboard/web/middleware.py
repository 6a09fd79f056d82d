"""What holds for every answer of the desk."""

import re
from collections.abc import Callable, Mapping, Sequence

from django.http import Http404, HttpRequest, HttpResponse

from dashboard.web.pages import not_found, problem, problem_of
from eventstore.model import EventStoreError

_NOWHERE = re.compile("[\x00\ud800-\udfff]")


class DeskMiddleware:
    """Nothing of a page stays in a cache, and what goes wrong in the store becomes a page that says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store, private")
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: Sequence[object], names: Mapping[str, object]
    ) -> HttpResponse | None:
        """NUL and halves of surrogate pairs are in no name that the index or a store holds; databases choke on them."""
        texts = [*names.values(), *(text for texts in request.GET.lists() for text in texts[1])]
        if any(isinstance(text, str) and _NOWHERE.search(text) for text in texts):
            return not_found(request, Http404())
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return problem(request, problem_of(exception)) if isinstance(exception, EventStoreError) else None
