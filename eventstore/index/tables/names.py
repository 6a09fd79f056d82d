"""Numbers for event types, aggregate types and names of searchable values. There are few, so callers remember all
they meet.
"""

from collections.abc import Iterable, Mapping

from eventstore.extent import asked_once
from eventstore.index.models import NameRow
from eventstore.index.tables import sql


class Names:
    """What one caller remembers: the writer as long as its process runs, a page as long as it is made."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {0: ""}

    def numbers_of(self, texts: Iterable[str]) -> Mapping[str, int]:
        """Return the number of each text, and number the new ones. After a rollback, call ``forget``."""
        wanted = set(texts)
        new = sorted(wanted - self._numbers.keys())
        if new:
            sql.insert("index_namerow", {"text": "text"}, [(text,) for text in new], on_conflict="DO NOTHING")
            self._learn(new)
        return {text: self._numbers[text] for text in wanted}

    def known(self, text: str) -> int | None:
        """Return the number of a text; ``None`` if the index does not have it."""
        if text not in self._numbers:
            self._learn([text])
        return self._numbers.get(text)

    def texts_of(self, numbers: Iterable[int]) -> Mapping[int, str]:
        """Return the text of each number. 0 stands for no text."""
        wanted = set(numbers)
        new = wanted - self._texts.keys()
        if new:
            for text, number in NameRow.objects.filter(pk__in=new).values_list("text", "id"):
                self._remember(text, number)
        return {number: self._texts.get(number, "") for number in wanted}

    def forget(self) -> None:
        """Forget everything: after a rollback, numbers that were given out are not in the database."""
        self.__init__()  # type: ignore[misc]

    def _learn(self, texts: Iterable[str]) -> None:
        for text, number in NameRow.objects.filter(text__in=list(texts)).values_list("text", "id"):
            self._remember(text, number)

    def _remember(self, text: str, number: int) -> None:
        self._numbers[text], self._texts[number] = number, text


@asked_once
def names_of_answer() -> Names:
    """Names for whoever reads: within an answer all remember together."""
    return Names()
