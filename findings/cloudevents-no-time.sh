#!/bin/sh
# An event without a time has one as soon as the SDK for Python or JavaScript has read it: the time of the reading.
#
# Software: cloudevents 2.2.0 (PyPI), cloudevents 10.0.0 (npm), cloudevents-json-jackson 4.0.1 (Maven): the CloudEvents SDKs for
# Python, JavaScript and Java.
# Expected: `time` is optional in CloudEvents 1.0. What is read and sent on again has the attributes that it had.
# Seen: two readings of one message give two times. A bridge that reads and sends on writes its own clock as the event's time, and
# nothing in the event says so. Java leaves the time out. JavaScript's Kafka binding refuses a structured event without a time.
. "$(dirname "$0")/lib/finding.sh"
python_with cloudevents==2.2.0
node_with cloudevents@10.0.0
java_with io.cloudevents:cloudevents-json-jackson:4.0.1
printf '%s' '{"specversion":"1.0","id":"1","type":"order.placed","source":"/shop","data":{}}' > "$folder/event.json"
cat > "$folder/run.py" <<'PY'
import sys
from datetime import datetime, timedelta, timezone

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat

body = open(sys.argv[1], "rb").read()
form = JSONFormat()
began = datetime.now(timezone.utc)


def told(time):
    return "the time of the reading" if began <= time <= datetime.now(timezone.utc) else str(time)


structured = http.HTTPMessage({"content-type": "application/cloudevents+json"}, body)
record = kafka.KafkaMessage({"ce_specversion": b"1.0", "ce_id": b"1", "ce_type": b"order.placed", "ce_source": b"/shop"}, None, b"{}")
print("Python, HTTP, structured:", told(http.from_http(structured, form).get_time()))
print("Python, Kafka, binary:", told(kafka.from_kafka(record, form).get_time()))
print("Python, sent on:", "ce_time" in kafka.to_binary(http.from_http(structured, form), form).headers and "with a time")
PY
cat > "$folder/run.js" <<'JS'
import { readFileSync } from "node:fs";
import { HTTP, Kafka } from "cloudevents";
const body = readFileSync(process.argv[2], "utf-8");
const headers = { "content-type": "application/cloudevents+json" };
const began = new Date().toISOString();
const told = (read) => {
  try {
    const time = read().time;
    return began <= time && time <= new Date().toISOString() ? "the time of the reading" : String(time);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const binary = { ce_specversion: "1.0", ce_id: "1", ce_type: "order.placed", ce_source: "/shop" };
console.log("JavaScript, HTTP, structured:", told(() => HTTP.toEvent({ headers, body })));
console.log("JavaScript, Kafka, binary:", told(() => Kafka.toEvent({ headers: binary, value: "{}" })));
console.log("JavaScript, Kafka, structured:", told(() => Kafka.toEvent({ headers, value: body })));
console.log("JavaScript, sent on:", "ce-time" in HTTP.binary(HTTP.toEvent({ headers, body })).headers && "with a time");
JS
cat > "$folder/Run.java" <<'JAVA'
import io.cloudevents.core.provider.EventFormatProvider;
import java.nio.file.*;

public class Run {
    public static void main(String[] args) throws Exception {
        var form = EventFormatProvider.getInstance().resolveFormat("application/cloudevents+json");
        var event = form.deserialize(Files.readAllBytes(Path.of(args[0])));
        System.out.println("Java: " + event.getTime());
        System.out.println("Java, sent on: " + (new String(form.serialize(event)).contains("\"time\"") ? "with a time" : "without a time"));
    }
}
JAVA
{
    "$python" "$folder/run.py" "$folder/event.json"
    (cd "$folder" && node run.js event.json)
    java -cp "$jars" "$folder/Run.java" "$folder/event.json"
} > "$folder/seen"
expect <<'TEXT'
Python, HTTP, structured: the time of the reading
Python, Kafka, binary: the time of the reading
Python, sent on: with a time
JavaScript, HTTP, structured: the time of the reading
JavaScript, Kafka, binary: the time of the reading
JavaScript, Kafka, structured: RangeError: Invalid time value
JavaScript, sent on: with a time
Java: null
Java, sent on: without a time
TEXT
