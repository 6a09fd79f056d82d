"""What the configuration declares of subscriptions."""

import pytest

from eventstore.config.loading import parse_config
from eventstore.config.subscriptions import Positions
from eventstore.model.errors import InvalidConfiguration

DECLARED = """
[[subscription]]
name = "gateway-*"
topics = ["orders", "shop/eu/*"]
positions = "external"

[[subscription]]
name = "mailer"
dead_letter = ["mail-errors"]
"""


def test_a_declaration_is_of_the_subscriptions_and_topics_that_its_patterns_match() -> None:
    gateway, mailer = parse_config(DECLARED, "desk.toml").subscriptions
    assert (gateway.positions, mailer.positions) == (Positions.EXTERNAL, Positions.STORE)
    assert gateway.is_of("public/default/orders", "gateway-1")
    assert gateway.is_of("shop/eu/returns", "gateway-1")
    assert not gateway.is_of("public/default/returns", "gateway-1")
    assert not gateway.is_of("public/default/orders", "mailer")
    assert mailer.is_of("public/default/anything", "mailer")


@pytest.mark.parametrize(
    "text, said",
    [
        ('[[subscription]]\\ntopics = ["a"]', "subscription[0].name: this key is required"),
        ('[[subscription]]\\nname = "a"\\npositions = "kafka"', "'kafka' is none of the words expected here: store, external"),
        ('[[subscription]]\\nname = "a"\\ntopic = "b"', "subscription[0].topic: there is no such key"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        parse_config(text.replace("\\n", "\n"), "desk.toml")
    assert said in str(refused.value)
