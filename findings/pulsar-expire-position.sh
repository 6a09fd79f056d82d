#!/bin/sh
# Two calls of the admin API that take the same position of a partition disagree about one field of it.
#
# Software: the broker of Pulsar 4.0.8 (Maven), pulsar-client 3.13.0 (PyPI).
# Expected: the position of a message means the same place to every call that takes one.
# Seen: resetcursor takes a position whatever its partitionIndex is. expireMessages takes it only if partitionIndex is the number at the end
# of the topic's own name, and answers 412 otherwise; of a topic without partitions it has to be -1.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/run.py" <<'PY'
import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pulsar

broker, admin = sys.argv[1:3]
BASE = f"{admin}/admin/v2/persistent/public/default"


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{BASE}/{path}", data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urlopen(request) as answer:
            return answer.status
    except HTTPError as error:
        reason = json.load(error)["reason"]
        return f"{error.code} {reason.partition(',')[0]}"


ask("PUT", "parted/partitions", 2)
ask("PUT", "plain")
client = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
for topic in ("parted-partition-1", "plain"):
    ask("PUT", f"{topic}/subscription/s", "earliest")
    producer = client.create_producer(f"persistent://public/default/{topic}")
    first, *_ = [producer.send(str(number).encode()) for number in range(5)]
    for index in (-1, 0, 1):
        place = {"ledgerId": first.ledger_id(), "entryId": first.entry_id() + 2, "partitionIndex": index}
        print(topic, index, "resetcursor:", ask("POST", f"{topic}/subscription/s/resetcursor", place))
        print(topic, index, "expireMessages:", ask("POST", f"{topic}/subscription/s/expireMessages", place))
client.close()
PY
"$python" "$folder/run.py" "$broker_url" "$admin_url" > "$folder/seen"
expect <<'TEXT'
parted-partition-1 -1 resetcursor: 204
parted-partition-1 -1 expireMessages: 412 Invalid parameter for expire message by position
parted-partition-1 0 resetcursor: 204
parted-partition-1 0 expireMessages: 412 Invalid parameter for expire message by position
parted-partition-1 1 resetcursor: 204
parted-partition-1 1 expireMessages: 204
plain -1 resetcursor: 204
plain -1 expireMessages: 204
plain 0 resetcursor: 204
plain 0 expireMessages: 412 Invalid parameter for expire message by position
plain 1 resetcursor: 204
plain 1 expireMessages: 412 Invalid parameter for expire message by position
TEXT
