"""Mistakes by which events of one key are handled out of order."""

from collections.abc import Iterator

from eventstore.diagnosis.findings import Certainty, Declared, Evidence, Fact, Finding, Mistake
from eventstore.diagnosis.watching import Looks, known_type
from eventstore.model.subscriptions import SubscriptionType


def in_order(looks: Looks, declared: Declared) -> Iterator[Finding]:
    """A shared subscription where order matters is certain: nothing has to be seen going wrong. With nobody connected, the
    type is the one that was seen last, and the next consumer may choose another."""
    kind, seen = known_type(looks)
    sure = Certainty.LIKELY if seen else Certainty.CERTAIN
    of_type = Evidence(fact=Fact.TYPE, name=kind, at=seen)
    if kind is SubscriptionType.SHARED and declared.ordered:
        evidence = [of_type, Evidence(fact=Fact.ORDER_DECLARED)]
        yield Finding(mistake=Mistake.UNORDERED, certainty=sure, evidence=evidence)
    mixed = declared.mixed_batch
    if kind is SubscriptionType.KEY_SHARED and mixed is not None:
        batch = Evidence(
            fact=Fact.MIXED_BATCH,
            number=mixed.keys,
            of=mixed.messages,
            partition=mixed.partition,
            name=mixed.place,
            at=mixed.published,
        )
        yield Finding(mistake=Mistake.MIXED_BATCHES, certainty=sure, evidence=[of_type, batch])
