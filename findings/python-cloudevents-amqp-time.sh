#!/bin/sh
# The AMQP binding turns an event's time into a number of milliseconds; every other binding writes RFC 3339 text.
#
# Software: cloudevents 2.2.0 (PyPI), the CloudEvents SDK for Python.
# Seen: `cloudEvents_time` is an integer. The microseconds are gone, and so is the offset, before any AMQP client is involved.
# A bridge that copies application properties to another broker's text properties thus writes "1795942800123" as the event's time.
. "$(dirname "$0")/lib/finding.sh"
python_with cloudevents==2.2.0
"$python" - > "$folder/seen" <<'PY'
from datetime import datetime, timedelta, timezone

from cloudevents.core.bindings import amqp, http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

time = datetime(2026, 11, 29, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
event = CloudEvent(attributes={"id": "1", "type": "order.placed", "source": "/shop", "time": time}, data={})
form = JSONFormat()
print("AMQP: ", repr(amqp.to_binary(event, form).application_properties["cloudEvents_time"]))
print("HTTP: ", repr(http.to_binary(event, form).headers["ce-time"]))
print("Kafka:", repr(kafka.to_binary(event, form).headers["ce_time"].decode()))
PY
expect <<'TEXT'
AMQP:  1795942800123
HTTP:  '2026-11-29T10:00:00.123456+01:00'
Kafka: '2026-11-29T10:00:00.123456+01:00'
TEXT
