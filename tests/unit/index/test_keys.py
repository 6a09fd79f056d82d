"""Texts as numbers: the same for the same text, alone and in a batch, and another for what is tied in another way."""

from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.index.tables.keys import BITS, Link, hashed, hashes, key_of
from eventstore.index.tables.texts import pack_uuids, unpack_uuid
from tests.hostile import NAMES

KEY, OTHER_KEY = key_of(bytes(range(32))), key_of(bytes(range(1, 33)))
UUID = "0b0e7ea0-5f8e-4b0f-8f5b-d7f6f9a3c001"
ALMOST = [
    UUID.upper(),
    UUID.replace("-", ""),
    f"{{{UUID}}}",
    f" {UUID[1:]}",
    UUID[:-1] + " ",
    UUID[:-1] + "g",
    UUID[:-1] + "é",
    UUID[:-1] + "٣",
    "-" * 36,
    "0" * 36,
    UUID[:8] + "0" + UUID[9:],
    UUID.replace("-", "_"),
    UUID + "0",
    UUID[:-1],
    "",
]
"""What a careless look would take for a UUID as it is mostly written."""

uuids = st.uuids().map(str)
ids = st.one_of(uuids, uuids.map(str.upper), st.sampled_from([*ALMOST, *NAMES]), st.text(max_size=80))
links = st.sampled_from(Link)


@given(st.lists(uuids, max_size=40), links)
def test_uuids_have_the_same_hash_alone_and_in_a_batch(texts: list[str], link: Link) -> None:
    assert hashes(KEY, texts, link).tolist() == [hashed(KEY, text, link) for text in texts]


@given(st.lists(ids, max_size=12), links)
def test_any_texts_have_the_same_hash_alone_and_in_a_batch(texts: list[str], link: Link) -> None:
    assert hashes(KEY, texts, link).tolist() == [hashed(KEY, text, link) for text in texts]


@given(ids, links)
def test_a_hash_fits_its_bits(text: str, link: Link) -> None:
    assert 0 <= hashed(KEY, text, link) < 1 << BITS
    assert hashes(KEY, [text], link).dtype == np.uint64


@pytest.mark.parametrize("text", [UUID, *ALMOST, *NAMES])
def test_the_links_of_one_text_differ(text: str) -> None:
    assert len({hashed(KEY, text, link) for link in Link}) == len(Link)


@pytest.mark.slow
def test_of_many_uuids_hardly_two_share_a_hash() -> None:
    """Two of a hundred thousand among 2**48 meet once in fifty-six thousand runs; a poor mixing of bits shows at once."""
    texts = [str(uuid4()) for _ in range(100_000)]
    assert len(set(hashes(KEY, texts).tolist())) == len(texts)


def test_uuids_that_count_up_are_told_apart() -> None:
    """As some publishers make them: everything but the last digits, or but the first ones, is the same."""
    texts = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(2000)]
    texts += [f"00000000-0000-4000-8000-{number:012x}" for number in range(1, 2000)]
    assert len(set(hashes(KEY, texts).tolist())) == len(texts)


@given(st.lists(uuids, max_size=20))
def test_uuids_come_back_from_sixteen_bytes_each(texts: list[str]) -> None:
    packed = pack_uuids(texts)
    assert packed is not None
    assert len(packed) == 16 * len(texts)
    assert [unpack_uuid(packed, number) for number in range(len(texts))] == texts


@pytest.mark.parametrize("text", ALMOST)
def test_what_is_almost_a_uuid_is_not_packed(text: str) -> None:
    assert pack_uuids([text]) is None
    assert pack_uuids([UUID, text]) is None


@pytest.mark.parametrize("cut", [0, 1, 35, 37, 71, 72])
def test_a_shorter_and_a_longer_text_that_together_look_like_two_uuids_are_none(cut: int) -> None:
    both = UUID + UUID
    assert pack_uuids([both[:cut], both[cut:]]) is None
    assert hashes(KEY, [both[:cut], both[cut:]]).tolist() == [hashed(KEY, both[:cut]), hashed(KEY, both[cut:])]


@given(st.lists(ids, min_size=1, max_size=5), links)
def test_another_index_hashes_in_another_way(texts: list[str], link: Link) -> None:
    assert hashes(KEY, texts, link).tolist() != hashes(OTHER_KEY, texts, link).tolist()
