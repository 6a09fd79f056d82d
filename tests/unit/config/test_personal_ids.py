"""Which aggregate types are personal: told by the file alone, and refused at start where the file does not tell."""

import pytest

from eventstore.config import is_personal_type
from eventstore.config.loading import Config, parse_config
from eventstore.model.errors import InvalidConfiguration

READS = '[[mapping]]\ntopics = ["patients", "public/*/patients-*"]\ntype = { from = "property", name = "type" }\n'


def config(text: str) -> Config:
    return parse_config(text, "desk.toml")


def is_personal(type: str, text: str) -> bool:
    return is_personal_type(type, config(text).personal_types)


def test_no_type_is_personal_unless_a_mapping_says_so() -> None:
    assert config(READS).personal_types == ()


def test_a_mapping_without_types_makes_those_personal_that_its_topics_are_named_after() -> None:
    assert is_personal("patients", f'{READS}key = "personal"')
    assert is_personal("patients-2", f'{READS}key = "personal"')
    assert not is_personal("patient", f'{READS}key = "personal"')


@pytest.mark.parametrize("source", ['{ from = "topic" }', '{ from = "value", value = "patients" }'])
def test_a_type_that_the_mapping_gives_is_personal(source: str) -> None:
    assert is_personal("patients", f'{READS}key = "personal"\naggregate_type = {source}')


def test_a_value_is_taken_literally() -> None:
    text = f'{READS}key = "personal"\naggregate_type = {{ from = "value", value = "pa*[t]" }}'
    assert is_personal("pa*[t]", text)
    assert not is_personal("pax[t]", text)


@pytest.mark.parametrize(
    "source",
    [
        'aggregate_type = { from = "json", path = "kind" }',
        'aggregate = { from = "key", pattern = "(?P<aggregate_type>[a-z]+)_(?P<aggregate_id>.+)" }',
        'aggregate_id = { from = "key", pattern = "(?P<aggregate_type>[a-z]+)_(?P<aggregate_id>.+)" }',
        'form = "kurrentdb"',
    ],
)
def test_a_mapping_whose_messages_tell_their_type_has_to_name_the_personal_ones(source: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"line \d+: mapping\[0\]\.key: .*name those whose ids are personal"):
        config(f'{READS}key = "personal"\n{source}')
    assert is_personal("patient", f'{READS}key = "personal"\npersonal_types = ["pat*"]\n{source}')


def test_a_mapping_may_say_nothing_but_whose_ids_are_personal() -> None:
    text = '[[mapping]]\ntopics = ["*"]\nkey = "personal"\npersonal_types = ["patient"]\n'
    assert is_personal("patient", text)
    assert not is_personal("loan", text)
    assert [mapping.topics for mapping in config(text + READS).mappings] == [("patients", "public/*/patients-*")]


def test_types_are_named_only_where_they_are_personal() -> None:
    with pytest.raises(InvalidConfiguration, match=r"mapping\[0\]\.personal_types: only a mapping with key"):
        config(f'{READS}personal_types = ["patient"]')


def test_another_word_than_personal_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="'secret' is none of the words expected here: personal"):
        config(f'{READS}key = "secret"')


def test_one_mapping_is_enough_for_a_type_of_many_topics() -> None:
    one = '[[mapping]]\ntopics = ["a"]\nkey = "personal"\npersonal_types = ["patient"]\n'
    assert is_personal("patient", one + READS + 'aggregate_type = { from = "value", value = "patient" }')
