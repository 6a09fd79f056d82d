"""What the shape of a value suggests: an e-mail address, a phone number, a date that may be of birth, a number with the right
check digits. A guess about one value; no value leaves this module.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from ipaddress import ip_address

from dashboard.masking.personal_names import ACCOUNT, BIRTH, EMAIL, INSURANCE, NETWORK, PHONE, TEXT

LONGEST = 200
"""Characters of a value that is looked at. A longer one is a text."""
YOUNGEST = timedelta(days=2 * 365)
OLDEST_YEAR = 1900
WORDS_OF_TEXT = 4

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_PHONE = re.compile(
    r"(?:\+|00)[1-9][\d ()/.-]{6,20}|0[1-9][\d ()/-]*[ ()/-][\d ()/-]*\d|0[1-9]\d{8,12}|\(\d{3}\) ?\d{3}-\d{4}"
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_ISO_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_DAY_FIRST = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")
_CARD = re.compile(r"[3-6]\d{12,18}")
_KVNR = re.compile(r"[A-Z]\d{9}")
_AHV = re.compile(r"756\d{10}")
_SVNR = re.compile(r"[1-9]\d{3}(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-5])\d\d")
_SSN = re.compile(r"(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}")
_TAX_ID = re.compile(r"[1-9]\d{10}")
_NHS = re.compile(r"\d{10}")
_SPACES = re.compile(r"[\s.-]")
_SVNR_WEIGHTS = (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)


def shape_of(value: object, today: date) -> str:
    """What the value may be by its shape alone, such as ``an e-mail address``; empty if nothing.

    ``value`` is a text or a number of JSON. A number with check digits is right by chance once in ten times or more often:
    whoever asks should judge by many values.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    if len(text) > LONGEST:
        return TEXT
    return next((meaning for meaning, fits in _SHAPES if fits(text, today)), "")


def _is_email(text: str, _: date) -> bool:
    return _EMAIL.fullmatch(text.removeprefix("mailto:")) is not None


def _is_phone(text: str, _: date) -> bool:
    return _PHONE.fullmatch(text) is not None and 7 <= sum(sign.isdigit() for sign in text) <= 15


def _is_iban(text: str, _: date) -> bool:
    bare = _SPACES.sub("", text).upper()
    return _IBAN.fullmatch(bare) is not None and _as_digits(bare[4:] + bare[:4]) % 97 == 1


def _as_digits(text: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in text))


def _is_birth(text: str, today: date) -> bool:
    """A day without a time, two years ago or earlier."""
    iso, day_first = _ISO_DAY.fullmatch(text), _DAY_FIRST.fullmatch(text)
    if iso is None and day_first is None:
        return False
    year, month, day = (int(part) for part in (iso.groups() if iso else reversed(day_first.groups() if day_first else ())))
    try:
        when = date(year, month, day)
    except ValueError:
        return False
    return when.year >= OLDEST_YEAR and when <= today - YOUNGEST


def _is_address(text: str, _: date) -> bool:
    if "." not in text and ":" not in text:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_card(text: str, _: date) -> bool:
    bare = _SPACES.sub("", text)
    return _CARD.fullmatch(bare) is not None and _luhn(bare)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_kvnr(text: str, _: date) -> bool:
    """Germany: a letter, counted as two digits, eight digits, and the check digit."""
    if not _KVNR.fullmatch(text):
        return False
    digits = f"{ord(text[0]) - 64:02}{text[1:9]}"
    products = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits)]
    return sum(number // 10 + number % 10 for number in products) % 10 == int(text[9])


def _is_ahv(text: str, _: date) -> bool:
    """Switzerland: 13 digits with the check digit of EAN-13."""
    bare = _SPACES.sub("", text)
    if not _AHV.fullmatch(bare):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(bare)) % 10 == 0


def _is_svnr(text: str, _: date) -> bool:
    """Austria: three digits, the check digit, and the day of birth."""
    bare = text.replace(" ", "")
    if not _SVNR.fullmatch(bare):
        return False
    return sum(int(digit) * weight for digit, weight in zip(bare, _SVNR_WEIGHTS, strict=True)) % 11 == int(bare[3])


def _is_ssn(text: str, _: date) -> bool:
    return _SSN.fullmatch(text) is not None


def _is_tax_id(text: str, _: date) -> bool:
    """Germany: eleven digits by ISO 7064 (11, 10); of the first ten, one stands there twice or three times."""
    if not _TAX_ID.fullmatch(text) or not 8 <= len(set(text[:10])) <= 9:
        return False
    product = 10
    for digit in text[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[10])


def _is_nhs(text: str, _: date) -> bool:
    """The United Kingdom: ten digits, the last of which makes the sum divisible by eleven."""
    bare = text.replace(" ", "")
    if not _NHS.fullmatch(bare):
        return False
    return sum(int(digit) * (10 - place) for place, digit in enumerate(bare[:9])) % 11 == (11 - int(bare[9])) % 11


def _is_text(text: str, _: date) -> bool:
    return sum(word[0].isalpha() for word in text.split()) >= WORDS_OF_TEXT


_SHAPES: Sequence[tuple[str, Callable[[str, date], bool]]] = (
    (EMAIL, _is_email),
    (NETWORK, _is_address),
    (ACCOUNT, _is_iban),
    (INSURANCE, _is_kvnr),
    (INSURANCE, _is_ahv),
    (INSURANCE, _is_ssn),
    (BIRTH, _is_birth),
    (INSURANCE, _is_svnr),
    (INSURANCE, _is_tax_id),
    (INSURANCE, _is_nhs),
    (ACCOUNT, _is_card),
    (PHONE, _is_phone),
    (TEXT, _is_text),
)
"""What is told by its signs alone comes before what needs check digits."""
