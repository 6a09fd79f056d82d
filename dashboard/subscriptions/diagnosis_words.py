"""What each state and each mistake of a subscription means, what causes it, and what is safe to do.

docs/diagnosis.md has the same sentences; a test compares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eventstore.diagnosis import Mistake
from eventstore.subscriptions import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """``causes`` come likeliest first. Every step is safe: none moves a cursor, acknowledges or deletes anything."""

    means: str
    causes: Sequence[str] = ()
    steps: Sequence[str] = ()
    title: str = ""
    """Of a mistake."""


OF_STATES: Mapping[State, Words] = {
    State.HEALTHY: Words(means="Nothing waits, and events were handled a short time ago."),
    State.IDLE: Words(
        means="Nothing waits, and nothing was handled for a while.",
        causes=["Nothing is published to the topic at the moment."],
        steps=["If events should arrive, check the producers on the topic's page."],
    ),
    State.CATCHING_UP: Words(
        means="Events wait, and the cursor moves.",
        causes=[
            "The consumer is handling what has just arrived.",
            "It is making up for a downtime, a burst or a cursor reset.",
        ],
        steps=["Wait. If the oldest waiting event gets older and older, the state becomes “slow”."],
    ),
    State.SLOW: Words(
        means="The cursor moves, but more is published than is handled: events wait longer and longer.",
        causes=[
            "More events arrive than the consumers were built for.",
            "What the consumer calls (a database, another service) has become slow.",
            "Most events go to one partition or one consumer, while others have little to do.",
        ],
        steps=[
            "Compare the partitions under “Cursors”: if one is far behind the others, look at its consumer.",
            "Check the consumer's log and the duration of its calls.",
            "If the type allows it, start more instances of the consumer.",
        ],
    ),
    State.STUCK: Words(
        means="Events wait, a consumer is connected, and the cursor does not move.",
        causes=[
            "The consumer cannot handle the first waiting event, and neither acknowledges nor skips it.",
            "The consumer hangs: it waits for a lock, a thread or another service.",
            "The consumer handles events but loses its acknowledgements.",
        ],
        steps=[
            "Open the event at which it stands, and compare it with the last one of its type that was acknowledged.",
            "Search the consumer's log for this event's id.",
            "If the consumer hangs, restart it: it gets the same event again.",
            "Reset the cursor past the event only if its owner agrees to lose it.",
        ],
    ),
    State.BLOCKED: Words(
        means="Consumers hold as many unacknowledged events as the broker allows, so it delivers no more.",
        causes=[
            "The consumer forgets to acknowledge, on some path through its code.",
            "The consumer acknowledges in large steps, larger than the limit.",
            "It waits for an event that it does not get any more.",
        ],
        steps=[
            "Check in the consumer's log what became of the events that it holds.",
            "Restart the consumer: what it holds is then redelivered, and may be handled twice.",
            "Raise the limit (maxUnackedMessagesPerConsumer, maxUnackedMessagesPerSubscription) only if handling takes long.",
        ],
    ),
    State.NO_CONSUMERS: Words(
        means="Events wait, and no consumer is connected. No event is to blame.",
        causes=[
            "The service is not running, or it crashes before it connects.",
            "It connects to another cluster, topic or subscription name.",
            "It may not connect any more: its token has expired, or a permission was removed.",
        ],
        steps=[
            "Check whether the service runs, and search its log for its connection to the broker.",
            "Compare the topic and subscription names in its configuration with those on this page.",
            "If the service no longer exists, ask its owner whether the subscription may be deleted: it keeps all events.",
        ],
    ),
    State.TRIMMED: Words(
        means="Events that waited are gone, and no consumer acknowledged them.",
        causes=[
            "They were older than the time to live (TTL) of the namespace or topic.",
            "The backlog quota evicts the oldest events (consumer_backlog_eviction).",
            "The topic was truncated.",
        ],
        steps=[
            "Compare the time to live and the backlog quota on the topic's page with how long the consumer was away.",
            "Find out from the index which events lay there, and whether the service needs them from elsewhere.",
        ],
    ),
    State.EXTERNAL: Words(
        means="The configuration says that its consumers keep their positions elsewhere. Its cursor says nothing of them.",
        steps=["Look up its positions where the gateway keeps them."],
    ),
    State.PHANTOM: Words(
        means="No event was ever acknowledged, and no consumer is connected. Its backlog grows and means nothing.",
        causes=[
            "A gateway made it to learn where topics end (liiklus-end-offsets-reader is one).",
            "It was made for a service that was never started.",
            "A test or a script made it and did not remove it.",
        ],
        steps=[
            "Ask whose it is. If a service should handle these events, start it.",
            "Remember that it keeps all events from being removed.",
        ],
    ),
    State.DELAYED: Words(
        means="Only events wait that their publishers want delivered later.",
        steps=["Wait until the next one is due."],
    ),
    State.HELD_BACK: Words(
        means="An open transaction holds back everything that was published since it began.",
        causes=["A producer has not ended its transaction: it hangs, or was killed."],
        steps=["Wait until the transaction times out, or find its producer."],
    ),
    State.STORES_OWN: Words(means="The broker keeps this cursor for itself. No service receives events through it."),
}

OF_MISTAKES: Mapping[Mistake, Words] = {
    Mistake.UNORDERED: Words(
        title="Shared although order matters",
        means="Events of one aggregate go to different consumers, which may handle them in any order.",
        causes=["The consumer was configured with the type Shared, which is the default of some libraries' examples."],
        steps=[
            "Ask the owner to use key_shared or failover. The type can change once no consumer is connected.",
            "If order does not matter here after all, remove the topic from topics.ordered in the configuration.",
        ],
    ),
    Mistake.MIXED_BATCHES: Words(
        title="Key_shared, but batches mix keys",
        means="A batch goes to one consumer as a whole, so events of a key may reach several consumers, in any order.",
        causes=["A producer batches by time or size, which is the default, and not by key."],
        steps=[
            "Ask the producers' owners to batch by key (BatcherBuilder.KEY_BASED, BatchingType.KeyBased) or not at all.",
        ],
    ),
    Mistake.COME_AND_GO: Words(
        title="Consumers come and go",
        means="Consumers connect again and again. What was delivered to one and not acknowledged is redelivered to the next.",
        causes=[
            "The consumer crashes, and is started again automatically.",
            "It is stopped by a health check or for its use of memory.",
            "The network between it and the broker is cut again and again.",
        ],
        steps=[
            "Search the consumer's log for the times at which it connected.",
            "Check with whoever runs it why it is restarted.",
        ],
    ),
    Mistake.MOVED_BACK: Words(
        title="The cursor jumped back",
        means="One member's seek, or a reset with another tool, moves the cursor for all members: all get the events again. "
        "Both look the same to the broker.",
        causes=[
            "A consumer calls seek when it connects. That moves the whole subscription and disconnects all members.",
            "Someone has reset the cursor with another tool (a reset made here is not counted).",
        ],
        steps=[
            "Search the consumers' code for seek: each member may only acknowledge.",
            "Ask whether someone has reset the cursor at that time.",
        ],
    ),
    Mistake.HUNGRY_INSTANCE: Words(
        title="One instance has all partitions",
        means="One instance is the active consumer of every partition, while others are connected and get nothing.",
        causes=[
            "The instances' consumer names sort so that one of them comes first in every partition.",
            "The others have a lower priority on purpose.",
        ],
        steps=[
            "Give each instance one consumer name, the same in all partitions, and another one than the other instances have.",
            "If the order within a key is enough, key_shared divides the events among all instances.",
        ],
    ),
    Mistake.REDELIVERED: Words(
        title="Delivered again and again, never acknowledged",
        means="Lost acknowledgements, refused events and crashes look alike here: events are delivered, and redelivered. "
        "New connections speak for a crash; a consumer that stays connected refuses events or loses acknowledgements.",
        causes=[
            "The consumer refuses the event (negative acknowledgement), or its acknowledgement timeout ends.",
            "The consumer crashes at the event, and its successor gets it again.",
            "Acknowledgements are lost, for instance because the consumer closes before they are sent.",
        ],
        steps=[
            "Search the consumer's log for the id of the event at which it stands.",
            "Set a dead-letter policy, so that an event that fails too often no longer blocks the others.",
        ],
    ),
    Mistake.HOLDS: Words(
        title="A consumer holds events and acknowledges none",
        means="It stays connected, was given events, and the cursor stands. One that takes hours for an event looks the same.",
        causes=[
            "The consumer hangs: it waits for a lock, a thread or another service.",
            "It receives events into its queue, but its program does not take them from there.",
            "The handling of an event really takes so long.",
        ],
        steps=[
            "Take a thread dump of the consumer, or check what it waits for.",
            "Restart it: what it holds is then redelivered.",
        ],
    ),
    Mistake.OWN_POSITIONS: Words(
        title="Perhaps it keeps its positions elsewhere",
        means="Consumers take events and have never acknowledged any. Some gateways (Liiklus) keep positions in a database of "
        "their own.",
        causes=["A gateway reads the topic and keeps its groups' positions elsewhere."],
        steps=[
            'If so, declare it: [[subscription]] with positions = "external" in the configuration.',
        ],
    ),
    Mistake.SKIPPED: Words(
        title="Events were skipped or have expired",
        means="Events that waited are past the cursor, and no consumer was given them.",
        causes=[
            "They were older than the time to live (TTL).",
            "Someone has skipped or cleared the backlog, or moved the cursor on, with another tool.",
            "The backlog quota evicts the oldest events.",
        ],
        steps=[
            "Compare the time to live and the backlog quota on the topic's page with how long the consumer was away.",
            "Ask whether someone has skipped events at that time.",
        ],
    ),
}

INVISIBLE = (
    "A second consumer of an exclusive subscription is refused, and the broker keeps no trace of that. "
    "If an instance does not start, search its own log for “ConsumerBusy” or “Exclusive consumer is already connected”."
)
