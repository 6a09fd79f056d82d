#!/bin/sh
# A request that names a subscription with a plus sign, percent-encoded as URLs ask for, acts on the one with a blank instead.
#
# Software: the broker and pulsar-admin of Pulsar 4.0.8 (Maven), pulsar-client 3.13.0 (PyPI).
# Expected: a name in the path of a request is decoded once, so `a%2Bb` is the subscription `a+b`.
# Seen: the admin API decodes the name twice, the second time as a form's value, where a plus sign is a blank. So `a%2Bb` deletes
# the subscription `a b`, and `a%2509b` deletes one with a tab and not `a%09b`. Names must be encoded twice, as pulsar-admin does.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/run.py" <<'PY'
import subprocess
import sys
from urllib.parse import quote
from urllib.request import Request, urlopen

import pulsar

broker, admin, tool = sys.argv[1:]
client = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))


def encoded_once(topic, name):
    delete(topic, quote(name, safe=""))


def encoded_twice(topic, name):
    delete(topic, quote(quote(name, safe=""), safe=""))


def by_pulsar_admin(topic, name):
    subprocess.run([tool, "--admin-url", admin, "topics", "unsubscribe", "-s", name, topic], check=True, capture_output=True)


def delete(topic, path):
    urlopen(Request(f"{admin}/admin/v2/persistent/public/default/{topic}/subscription/{path}", method="DELETE"))


for number, (names, wanted) in enumerate(((["a b", "a+b"], "a+b"), (["a\tb", "a%09b"], "a%09b"))):
    for way in (encoded_once, encoded_twice, by_pulsar_admin):
        topic = f"{way.__name__}-{number}"
        for name in names:
            client.subscribe(topic, name).close()
        way(topic, wanted)
        left = urlopen(f"{admin}/admin/v2/persistent/public/default/{topic}/subscriptions").read().decode()
        print(f"delete {wanted!r} of {names}, {way.__name__.replace('_', ' ')}: left {left}")
client.close()
PY
"$python" "$folder/run.py" "$broker_url" "$admin_url" "$folder/pulsar/bin/pulsar-admin" > "$folder/seen"
expect <<'TEXT'
delete 'a+b' of ['a b', 'a+b'], encoded once: left ["a+b"]
delete 'a+b' of ['a b', 'a+b'], encoded twice: left ["a b"]
delete 'a+b' of ['a b', 'a+b'], by pulsar admin: left ["a b"]
delete 'a%09b' of ['a\tb', 'a%09b'], encoded once: left ["a%09b"]
delete 'a%09b' of ['a\tb', 'a%09b'], encoded twice: left ["a\tb"]
delete 'a%09b' of ['a\tb', 'a%09b'], by pulsar admin: left ["a\tb"]
TEXT
