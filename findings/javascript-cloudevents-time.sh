#!/bin/sh
# The same event has two times: binary Kafka mode keeps the time as it was written, HTTP and structured modes rewrite it.
#
# Software: cloudevents 10.0.0 (npm), the CloudEvents SDK for JavaScript.
# Seen: structured mode and binary HTTP mode write UTC with three digits, so the offset and the microseconds are lost. Two
# messages of one event that took different ways no longer have equal times.
. "$(dirname "$0")/lib/finding.sh"
node_with cloudevents@10.0.0
cat > "$folder/run.js" <<'JS'
import { CloudEvent, HTTP, Kafka } from "cloudevents";
const event = new CloudEvent({ id: "1", type: "order.placed", source: "/shop", time: "2026-11-29T10:00:00.123456+01:00", data: {} });
console.log("Kafka, binary:    ", Kafka.binary(event).headers.ce_time);
console.log("Kafka, structured:", JSON.parse(Kafka.structured(event).value).time);
console.log("HTTP, binary:     ", HTTP.binary(event).headers["ce-time"]);
console.log("HTTP, structured: ", JSON.parse(HTTP.structured(event).body).time);
JS
(cd "$folder" && node run.js) > "$folder/seen"
expect <<'TEXT'
Kafka, binary:     2026-11-29T10:00:00.123456+01:00
Kafka, structured: 2026-11-29T09:00:00.123Z
HTTP, binary:      2026-11-29T09:00:00.123Z
HTTP, structured:  2026-11-29T09:00:00.123Z
TEXT
