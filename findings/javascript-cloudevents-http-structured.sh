#!/bin/sh
# One event has different data by the way it came: structured HTTP mode loses 0, false and "", and widens bytes to 32-bit numbers.
#
# Software: cloudevents 10.0.0 (npm), the CloudEvents SDK for JavaScript.
# Expected: `data` is any JSON value, and `data_base64` any bytes; the mode in which an event travels does not change its data.
# Seen: structured HTTP mode alone drops data that JavaScript counts as false. It reads `data_base64` as a Uint32Array, which a
# request in binary mode then sends with four bytes for each byte. It also takes only its own spelling of the charset, and refuses
# "charset=UTF-8", with which CloudEvents' HTTP binding shows the content type.
. "$(dirname "$0")/lib/finding.sh"
node_with cloudevents@10.0.0
cat > "$folder/run.js" <<'JS'
import { HTTP, Kafka } from "cloudevents";
const event = { specversion: "1.0", id: "1", type: "order.placed", source: "/shop", time: "2026-11-29T10:00:00Z" };
const structured = "application/cloudevents+json", batch = "application/cloudevents-batch+json";
const http = (document, type) => HTTP.toEvent({ headers: { "content-type": type }, body: JSON.stringify(document) });
const kafka = (document) => Kafka.toEvent({ headers: { "content-type": structured }, value: JSON.stringify(document) });
const told = (value) => (ArrayBuffer.isView(value) ? value.constructor.name : String(JSON.stringify(value)));
for (const data of [{ data: 0 }, { data: false }, { data: "" }, { data: 42 }, { data_base64: "AAEC" }]) {
  const document = { ...event, ...data };
  const read = [http(document, structured), http([document], batch)[0], kafka(document)].map((one) => told(one.data));
  console.log(`${JSON.stringify(data)}: HTTP ${read[0]}, HTTP batch ${read[1]}, Kafka ${read[2]}`);
}
const sent = HTTP.binary(http({ ...event, data_base64: "AAEC" }, structured)).body;
console.log("3 bytes sent on:", (await new Response(sent).arrayBuffer()).byteLength);
for (const charset of ["charset=utf-8", "charset=UTF-8"]) {
  try {
    console.log(`${charset}: ${http(event, `${structured}; ${charset}`).id}`);
  } catch (error) {
    console.log(`${charset}: ${error.message}`);
  }
}
JS
(cd "$folder" && node run.js) > "$folder/seen"
expect <<'TEXT'
{"data":0}: HTTP undefined, HTTP batch 0, Kafka 0
{"data":false}: HTTP undefined, HTTP batch false, Kafka false
{"data":""}: HTTP undefined, HTTP batch "", Kafka ""
{"data":42}: HTTP 42, HTTP batch 42, Kafka 42
{"data_base64":"AAEC"}: HTTP Uint32Array, HTTP batch Uint8Array, Kafka Uint8Array
3 bytes sent on: 12
charset=utf-8: 1
charset=UTF-8: invalid content type application/cloudevents+json; charset=UTF-8
TEXT
