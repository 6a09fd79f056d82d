"""Whole numbers as short texts that sort as the numbers do.

A position's token must be comparable wherever it is kept (memory, SQLite, PostgreSQL under any collation), although
only its driver knows what it consists of. Each number becomes its count of hexadecimal digits (one digit, so at most
15: 60 bits), followed by the digits: 118 is ``276``, 4021 is ``3fb5``. Only ``0-9a-f`` occur, which every collation
sorts alike.
"""

from eventstore.model.errors import InvalidPosition

LARGEST = 16**15 - 1

AFTER_ALL = "g"
"""Appended to a token, it sorts after every token that begins with it: "the whole entry, whatever its batch holds"."""


def encode(*numbers: int) -> str:
    """Return the numbers as one text. Texts of the same count of numbers sort as the tuples do."""
    return "".join(_encode_one(number) for number in numbers)


def decode(token: str, count: int) -> tuple[int, ...]:
    """Return the ``count`` numbers that ``encode`` made this token from. Raises ``InvalidPosition`` for anything else."""
    numbers: list[int] = []
    place = 0
    for _ in range(count):
        number, place = _decode_one(token, place)
        numbers.append(number)
    if place != len(token):
        raise InvalidPosition("This position has more in it than this store writes. Open the event again from a list.")
    return tuple(numbers)


def _encode_one(number: int) -> str:
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} does not fit a position: 0 to {LARGEST}")
    digits = f"{number:x}"
    return f"{len(digits):x}{digits}"


def _decode_one(token: str, place: int) -> tuple[int, int]:
    head = token[place : place + 1]
    if head and head in "123456789abcdef":
        end = place + 1 + int(head, 16)
        digits = token[place + 1 : end]
        if len(digits) == end - place - 1 and all(c in "0123456789abcdef" for c in digits):
            number = int(digits, 16)
            if _encode_one(number) == token[place:end]:
                return number, end
    raise InvalidPosition("This is not a position of this store. Open the event again from a list.")
