#!/bin/sh
# Reading a Kafka record puts the record's key in place of the event's own `partitionkey`, also if the record has no key.
#
# Software: cloudevents 10.0.0 (npm), the CloudEvents SDK for JavaScript.
# Expected: the record's key and the extension `partitionkey` may differ, and CloudEvents' Kafka binding says that the mapping
# between them must not modify the event.
# Seen: in every mode the event's own value is lost. All members of a batch get the one key of their record. The SDK reads batches
# from Kafka although the binding has no batch mode, and offers no function that writes one.
. "$(dirname "$0")/lib/finding.sh"
node_with cloudevents@10.0.0
cat > "$folder/run.js" <<'JS'
import { HTTP, Kafka } from "cloudevents";
const event = { specversion: "1.0", id: "1", type: "order.placed", source: "/shop", time: "2026-11-29T10:00:00Z", partitionkey: "order-7" };
const binary = Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce_${name}`, value]));
const read = (type, document, key) => Kafka.toEvent({ headers: { "content-type": type }, value: JSON.stringify(document), key });
const structured = "application/cloudevents+json", batch = "application/cloudevents-batch+json";
const members = [event, { ...event, id: "2", partitionkey: "order-8" }];
console.log("binary, no key:", Kafka.toEvent({ headers: binary, value: "{}" }).partitionkey);
console.log("structured, no key:", read(structured, event).partitionkey);
console.log("structured, another key:", read(structured, event, "shop").partitionkey);
console.log("batch, no key:", read(batch, members).map((one) => one.partitionkey));
console.log("batch, another key:", read(batch, members, "shop").map((one) => one.partitionkey));
console.log("HTTP:", HTTP.toEvent({ headers: { "content-type": structured }, body: JSON.stringify(event) }).partitionkey);
console.log("functions:", Object.keys(Kafka).join(" "));
JS
(cd "$folder" && node run.js) > "$folder/seen"
expect <<'TEXT'
binary, no key: undefined
structured, no key: undefined
structured, another key: shop
batch, no key: [ undefined, undefined ]
batch, another key: [ 'shop', 'shop' ]
HTTP: order-7
functions: binary structured toEvent isEvent
TEXT
