"""Types, and names of searchable values, by number and back. There are few: whoever asks remembers all that it has met."""

from collections.abc import Iterable, Mapping

from eventstore.index.models import NameRow
from eventstore.index.tables import sql


class Names:
    """One asker's memory: the writer's lasts as long as its process, a page's as long as the page."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {0: ""}

    def numbers_of(self, texts: Iterable[str]) -> Mapping[str, int]:
        """The number of each text, given out where it is new. If the transaction is rolled back, ``forget`` it."""
        wanted = set(texts)
        new = sorted(wanted - self._numbers.keys())
        if new:
            sql.insert("index_namerow", {"text": "text"}, [(text,) for text in new], on_conflict="DO NOTHING")
            self._learn(new)
        return {text: self._numbers[text] for text in wanted}

    def known(self, text: str) -> int | None:
        """The number of a text that the index has met, else ``None``."""
        if text not in self._numbers:
            self._learn([text])
        return self._numbers.get(text)

    def texts_of(self, numbers: Iterable[int]) -> Mapping[int, str]:
        """The text of each number; 0 stands for none."""
        wanted = set(numbers)
        new = wanted - self._texts.keys()
        if new:
            for text, number in NameRow.objects.filter(pk__in=new).values_list("text", "id"):
                self._remember(text, number)
        return {number: self._texts.get(number, "") for number in wanted}

    def forget(self) -> None:
        """Ask anew: after a rollback, numbers may have been given out in vain."""
        self.__init__()  # type: ignore[misc]

    def _learn(self, texts: Iterable[str]) -> None:
        for text, number in NameRow.objects.filter(text__in=list(texts)).values_list("text", "id"):
            self._remember(text, number)

    def _remember(self, text: str, number: int) -> None:
        self._numbers[text], self._texts[number] = number, text
