#!/bin/sh
# What Kafka.binary returns is not yet a Kafka message: its value is an object, and some of its headers are undefined.
#
# Software: cloudevents 10.0.0 (npm), the CloudEvents SDK for JavaScript.
# Seen: optional attributes that an event does not have are headers with the value undefined, and attributes keep their
# JavaScript types. A client that turns header values into texts writes "undefined" for a data schema.
# `datacontenttype` is written twice: as `content-type`, as the Kafka binding says, and as `ce_datacontenttype`.
. "$(dirname "$0")/lib/finding.sh"
node_with cloudevents@10.0.0
cat > "$folder/run.js" <<'JS'
import { CloudEvent, Kafka } from "cloudevents";
const event = new CloudEvent({ id: "1", type: "order.placed", source: "/shop", express: true, attempt: 3, datacontenttype: "application/json", data: { a: 1 } });
const { headers, value } = Kafka.binary(event);
console.log("value:", typeof value);
for (const name of ["content-type", "ce_datacontenttype", "ce_dataschema", "ce_subject", "ce_express", "ce_attempt"])
  console.log(`${name}: ${name in headers ? typeof headers[name] : "absent"}`);
JS
(cd "$folder" && node run.js) > "$folder/seen"
expect <<'TEXT'
value: object
content-type: string
ce_datacontenttype: string
ce_dataschema: undefined
ce_subject: undefined
ce_express: boolean
ce_attempt: number
TEXT
