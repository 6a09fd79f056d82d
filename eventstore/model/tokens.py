"""Whole numbers as short texts that sort as the numbers do.

A position's token must be comparable wherever it is kept (memory, SQLite, PostgreSQL under any collation), although
only its driver knows what it consists of. Each number becomes its count of hexadecimal digits (one digit, so at most
15: 60 bits), followed by the digits: 118 is ``276``, 4021 is ``3fb5``. Only ``0-9a-f`` occur, which every collation
sorts alike.

A message that holds several events has a place for each. Its last event has the message's own token. The others sort just
before it, and after everything that precedes the message. So the end of a log is the token of its last event, and whoever
has passed a message's token has passed all of its events.
"""

from functools import lru_cache

from eventstore.model.errors import InvalidPosition

LARGEST = 16**15 - 1

AFTER_ALL = "g"
"""Appended to a token, it sorts after every token that begins with it: "the whole entry, whatever its batch holds"."""

MEMBER = "m"
"""Stands before a member's number in the token of an event inside a message."""
_BEFORE_ZERO = "0"
"""Sorts before every number, since each begins with its count of digits, which is at least 1."""
_HEADS = frozenset("123456789abcdef")
_NOT_OURS = "This is not a position of this store. Open the event again from a list."


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


def inside(token: str, number: int) -> str:
    """Return the token of a member, counted from 1, inside the message with this token. It must not be the last member.

    Number 0 is the place before the first member, where no event lies. The message's last number is replaced by the one
    before it, an ``m`` and the member's number: in the message ``11 15 12``, member 3 is ``11 15 11 m 13``. Raises
    ``InvalidPosition`` if the token is not that of a message.
    """
    begin, last, end = _last_number(token)
    if not end or token[end:] == AFTER_ALL:
        raise InvalidPosition(_NOT_OURS)
    before = _encode_one(last - 1) if last else _BEFORE_ZERO
    return token[:begin] + before + MEMBER + _encode_one(number) + token[end:]


def message_of(token: str) -> tuple[str, int | None]:
    """Return the token of the message and the member's number, if ``inside`` made this token; otherwise the token as it is
    and ``None``.

    Raises ``InvalidPosition`` for a token that only resembles one of ``inside``.
    """
    if MEMBER not in token:
        return token, None
    numbers, _, behind = token.partition(MEMBER)
    member, end = _decode_one(behind, 0)
    begin, last, place = _last_number(numbers)
    if numbers[place:] == _BEFORE_ZERO:
        message = numbers[:place] + _encode_one(0) + behind[end:]
    elif place and place == len(numbers) and last < LARGEST:
        message = numbers[:begin] + _encode_one(last + 1) + behind[end:]
    else:
        raise InvalidPosition(_NOT_OURS)
    if MEMBER in message or inside(message, member) != token:
        raise InvalidPosition(_NOT_OURS)
    return message, member


def _last_number(token: str) -> tuple[int, int, int]:
    """Return where the last of the leading numbers begins, the number itself, and where it ends: 0 if there is none."""
    begin = number = end = 0
    while token[end : end + 1] in _HEADS:
        begin = end
        number, end = _decode_one(token, end)
    return begin, number, end


@lru_cache(maxsize=4096)
def _encode_one(number: int) -> str:
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} does not fit a position: 0 to {LARGEST}")
    digits = f"{number:x}"
    return f"{len(digits):x}{digits}"


def _decode_one(token: str, place: int) -> tuple[int, int]:
    head = token[place : place + 1]
    if head in _HEADS:
        end = place + 1 + int(head, 16)
        digits = token[place + 1 : end]
        if len(digits) == end - place - 1 and all(c in "0123456789abcdef" for c in digits):
            number = int(digits, 16)
            if _encode_one(number) == token[place:end]:
                return number, end
    raise InvalidPosition(_NOT_OURS)
