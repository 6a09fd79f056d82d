"""The partition that Java's client would choose. The hashes are known values of ``String.hashCode``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.drivers.routing import java_string_hash, partition_of

INTEGER_MIN_VALUE = 0x80000000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a", 97),
        ("Aa", 2112),
        ("BB", 2112),
        ("hello", 99162322),
        ("patient_4711", 3_418_513_629),
        ("polygenelubricants", INTEGER_MIN_VALUE),
        ("ключ", 31 * (31 * (31 * 0x43A + 0x43B) + 0x44E) + 0x447),
        ("🦊", 31 * 0xD83E + 0xDD8A),
    ],
)
def test_the_hash_is_javas(text: str, expected: int) -> None:
    assert java_string_hash(text) == expected


def test_a_negative_hash_in_java_loses_its_sign_and_not_more() -> None:
    assert partition_of("polygenelubricants", 7) == 0
    assert java_string_hash("patient_4711") == 3_418_513_629, "-876453667 in Java"
    assert partition_of("patient_4711", 7) == 4


@given(st.text(), st.integers(min_value=1, max_value=1_000))
def test_every_key_has_one_partition_of_those_there_are(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, partitions) == partition_of(key, partitions)


@given(st.text())
def test_one_partition_takes_every_key(key: str) -> None:
    assert partition_of(key, 1) == 0


def test_keys_spread() -> None:
    reached = {partition_of(f"patient_{number}", 8) for number in range(200)}
    assert reached == set(range(8))


def test_half_a_surrogate_pair_has_a_hash_as_in_java() -> None:
    assert java_string_hash("\ud83e") == 0xD83E
