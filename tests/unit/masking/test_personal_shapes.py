"""What shapes of values suggest."""

from datetime import date

import pytest

from dashboard.masking import personal_names as may_be
from dashboard.masking.personal_shapes import LONGEST, shape_of

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("meaning", "value"),
    [
        (may_be.EMAIL, "erika@example.org"),
        (may_be.EMAIL, "mailto:e.m+x@mail.example.org"),
        (may_be.EMAIL, "jörg@bücher.example"),
        (may_be.PHONE, "+49 30 1234567"),
        (may_be.PHONE, "+43(1)5880-0"),
        (may_be.PHONE, "030 1234567"),
        (may_be.PHONE, "0171/1234567"),
        (may_be.PHONE, "(212) 555-0100"),
        (may_be.ACCOUNT, "DE89370400440532013000"),
        (may_be.ACCOUNT, "DE89 3704 0044 0532 0130 00"),
        (may_be.ACCOUNT, "at611904300234573201"),
        (may_be.ACCOUNT, "4111 1111 1111 1111"),
        (may_be.ACCOUNT, 4111111111111111),
        (may_be.BIRTH, "1964-08-12"),
        (may_be.BIRTH, "12.08.1964"),
        (may_be.BIRTH, "2/1/1901"),
        (may_be.BIRTH, "19640812"),
        (may_be.NETWORK, "192.168.0.1"),
        (may_be.NETWORK, "2001:db8::1"),
        (may_be.INSURANCE, "A123456780"),
        (may_be.INSURANCE, "756.9217.0769.85"),
        (may_be.INSURANCE, "078-05-1120"),
        (may_be.INSURANCE, "1237 010180"),
        (may_be.INSURANCE, "86095742719"),
        (may_be.INSURANCE, "943 476 5919"),
        (may_be.TEXT, "has called about the letter"),
        (may_be.TEXT, "x" * (LONGEST + 1)),
    ],
)
def test_values_that_look_personal(meaning: str, value: object) -> None:
    assert shape_of(value, TODAY) == meaning


@pytest.mark.parametrize(
    "value",
    [
        "",
        "open",
        "4711",
        4711,
        4.5,
        True,
        None,
        [],
        {},
        "a@b",
        "2026-11-29",
        "2025-01-01",
        "1964-08-12T09:00:00Z",
        "1964-02-30",
        "1899-12-31",
        "DE89370400440532013001",
        "4111 1111 1111 1112",
        "A123456781",
        "756.9217.0769.86",
        "1239 010180",
        "1.2.3",
        "12:30",
        "v1.10.0",
        "0815",
        "3f0e2a1c-5d3c-4a47-9a0e-6c1a2b3c4d5e",
        "two words",
    ],
)
def test_values_that_do_not(value: object) -> None:
    assert shape_of(value, TODAY) == ""
