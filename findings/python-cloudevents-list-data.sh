#!/bin/sh
# An event whose data is a JSON list or a boolean is no JSON any more when it is sent on in binary mode.
#
# Software: cloudevents 2.2.0 (PyPI), the CloudEvents SDK for Python.
# Expected: data that was read as JSON is written as JSON; the content type still says application/json.
# Seen: binary mode writes JSON only for objects. A list is written in Python's spelling, with single quotes, True and None, and a
# boolean as True. A text loses its quotes, so the text "42" is read as a number next time. Structured mode keeps all of them.
. "$(dirname "$0")/lib/finding.sh"
python_with cloudevents==2.2.0
"$python" - > "$folder/seen" <<'PY'
import json

from cloudevents.core.bindings import amqp, http, kafka
from cloudevents.core.formats.json import JSONFormat

form = JSONFormat()
event = {"specversion": "1.0", "id": "1", "type": "order.placed", "source": "/shop", "time": "2026-11-29T10:00:00Z", "datacontenttype": "application/json"}
for data in ({"gift": True, "note": None}, [{"gift": True, "note": None}], True, "42"):
    body = json.dumps({**event, "data": data}).encode()
    read = http.from_http(http.HTTPMessage({"content-type": "application/cloudevents+json"}, body), form)
    ways = {http.to_binary(read, form).body, kafka.to_binary(read, form).value, amqp.to_binary(read, form).application_data}
    structured = json.dumps(json.loads(http.to_structured(read, form).body)["data"])
    print(f"{json.dumps(data)}: structured {structured}, binary {' '.join(way.decode() for way in ways)}")
message = http.to_binary(read, form)
print(message.headers["content-type"], repr(http.from_http(message, form).get_data()))
PY
expect <<'TEXT'
{"gift": true, "note": null}: structured {"gift": true, "note": null}, binary {"gift": true, "note": null}
[{"gift": true, "note": null}]: structured [{"gift": true, "note": null}], binary [{'gift': True, 'note': None}]
true: structured true, binary True
"42": structured "42", binary 42
application/json 42
TEXT
