#!/bin/sh
# A client whose token has ended, or is forged, is told that the broker does not answer in time.
#
# Software: the broker of Pulsar 4.0.8 (Maven), pulsar-client 3.13.0 (PyPI).
# Expected: AuthenticationError, which the client has, as soon as the broker has refused the connection.
# Seen: Timeout, after the whole operation timeout, in which the client connects again and again. Only its log has the broker's answer. The
# admin API answers 401 at once. A token that the client's own function cannot give is an AuthenticationError at once.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
secured_broker
python_with pulsar-client==3.13.0
cat > "$folder/run.py" <<'PY'
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pulsar
from tokens import token

broker, admin = sys.argv[1:3]
LIMIT = 4


def refuse():
    raise RuntimeError("there is no token")


def client_of(given, limit):
    return pulsar.Client(
        broker, pulsar.AuthenticationToken(given), limit, logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/null")
    )


def client_says(given):
    client = client_of(given, LIMIT)
    began = time.monotonic()
    try:
        client.create_reader("persistent://public/default/letters", pulsar.MessageId.earliest)
        said = "a reader"
    except pulsar.PulsarException as error:
        said = type(error).__name__
    waited = time.monotonic() - began >= LIMIT - 0.5
    client.close()
    return said + (", after the operation timeout" if waited else ", at once")


def admin_says(given):
    request = Request(f"{admin}/admin/v2/brokers/version", headers={"Authorization": f"Bearer {given}"})
    try:
        with urlopen(request) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


first = client_of(token("admin"), 60)  # a broker that has just started takes its time
first.create_reader("persistent://public/default/letters", pulsar.MessageId.earliest)
first.close()
good, ended, forged = token("admin"), token("admin", ends=time.time() - 5), token("admin", secret=b"x" * 32)
for name, given in (("valid", good), ("ended", ended), ("forged", forged)):
    print(f"{name}: client: {client_says(given)}; admin API: {admin_says(given)}")
print(f"none to be had: client: {client_says(refuse)}")
PY
"$python" "$folder/run.py" "$broker_url" "$admin_url" > "$folder/seen"
expect <<'TEXT'
valid: client: a reader, at once; admin API: 200
ended: client: Timeout, after the operation timeout; admin API: 401
forged: client: Timeout, after the operation timeout; admin API: 401
none to be had: client: AuthenticationError, at once
TEXT
