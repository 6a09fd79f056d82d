#!/bin/sh
# A boolean extension of an event becomes the text "True" in binary mode, and true in structured mode.
#
# Software: cloudevents 2.2.0 (PyPI), the CloudEvents SDK for Python.
# Expected: CloudEvents 1.0 writes a Boolean as "true" or "false" in both modes, and every other text is no Boolean.
# Seen: the Kafka, HTTP and AMQP bindings write "True", which is Python's own spelling.
. "$(dirname "$0")/lib/finding.sh"
python_with cloudevents==2.2.0
"$python" - > "$folder/seen" <<'PY'
import json

from cloudevents.core.bindings import amqp, http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

event = CloudEvent(attributes={"id": "1", "type": "order.placed", "source": "/shop", "express": True}, data={})
form = JSONFormat()
print("Kafka, binary:", kafka.to_binary(event, form).headers["ce_express"].decode())
print("HTTP, binary:", http.to_binary(event, form).headers["ce-express"])
print("AMQP, binary:", amqp.to_binary(event, form).application_properties["cloudEvents_express"])
print("Kafka, structured:", json.dumps(json.loads(kafka.to_structured(event, form).value)["express"]))
PY
expect <<'TEXT'
Kafka, binary: True
HTTP, binary: True
AMQP, binary: True
Kafka, structured: true
TEXT
