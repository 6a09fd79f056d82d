#!/bin/sh
# A standby that seeks moves everybody's cursor, and is not even disconnected by it: only the active consumer is.
#
# Software: the broker of Pulsar 4.0.8 (Maven), pulsar-client 3.13.0 (PyPI).
# Expected: a seek moves the subscription and disconnects its members, or is refused to a member that receives nothing.
# Seen: on a failover subscription, the seek of a standby is accepted. The active consumer is disconnected, comes back and receives
# everything again. The standby that asked for it keeps its connection, so the times of connection accuse the wrong one.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/run.py" <<'PY'
import json
import sys
import time
from urllib.request import urlopen

import pulsar

broker, admin = sys.argv[1:3]
TOPIC, NAME, EVENTS = "t", "s", 10


def client():
    return pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))


def told():
    return json.load(urlopen(f"{admin}/admin/v2/persistent/public/default/{TOPIC}/stats"))["subscriptions"][NAME]


def connected():
    return {roles[each["consumerName"]]: each["connectedSince"] for each in told()["consumers"]}


def receive(consumer):
    count = 0
    try:
        while True:
            consumer.acknowledge(consumer.receive(timeout_millis=3000))
            count += 1
    except pulsar.Timeout:
        return count


def handled():
    return {role: receive(consumers[name]) for name, role in roles.items()}


clients = {name: client() for name in "ab"}
consumers = {
    name: each.subscribe(TOPIC, NAME, consumer_type=pulsar.ConsumerType.Failover, consumer_name=name)
    for name, each in clients.items()
}
active = told()["activeConsumerName"]
[standby] = consumers.keys() - {active}
roles = {active: "active", standby: "standby"}
producer = clients["a"].create_producer(TOPIC)
for number in range(EVENTS):
    producer.send(str(number).encode())
print("first:", handled())
before = connected()
time.sleep(1.1)
consumers[standby].seek(pulsar.MessageId.earliest)
deadline = time.monotonic() + 30
while len(after := connected()) < 2 or after == before:
    assert time.monotonic() < deadline, after
    time.sleep(0.1)
print("connected anew:", [role for role in after if after[role] != before[role]])
print("after a seek by the standby:", handled())
for each in clients.values():
    each.close()
PY
"$python" "$folder/run.py" "$broker_url" "$admin_url" > "$folder/seen"
expect <<'TEXT'
first: {'active': 10, 'standby': 0}
connected anew: ['active']
after a seek by the standby: {'active': 10, 'standby': 0}
TEXT
