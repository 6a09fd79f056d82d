#!/bin/sh
# Debezium's CloudEvents have an extension with an upper-case letter, which CloudEvents forbids and other SDKs refuse.
#
# Software: debezium-connector-postgres and debezium-embedded 3.6.1.Final (Maven), cloudevents 10.0.0 (npm).
# Seen: CloudEventsConverter makes extension names of the change's source fields. `txId` becomes `iodebeziumtxId`, beside
# `iodebeziumtxid` for the transaction's own id: the two differ in case alone, so a reader that ignores case mixes them up. The SDK
# for JavaScript does not make an event of this document.
. "$(dirname "$0")/lib/finding.sh"
java_with io.debezium:debezium-embedded:3.6.1.Final io.debezium:debezium-connector-postgres:3.6.1.Final
node_with cloudevents@10.0.0
mkdir "$folder/classes"
cat > "$folder/Change.java" <<'JAVA'
import io.debezium.converters.CloudEventsConverter;
import io.debezium.data.Envelope;
import java.time.Instant;
import java.util.*;
import org.apache.kafka.connect.data.*;

public class Change {
    public static void main(String[] args) {
        Schema row = SchemaBuilder.struct().name("shop.public.orders.Value").optional().field("id", Schema.INT32_SCHEMA).build();
        Schema source = SchemaBuilder.struct().name("io.debezium.connector.postgresql.Source").version(1)
            .field("version", Schema.STRING_SCHEMA).field("connector", Schema.STRING_SCHEMA).field("name", Schema.STRING_SCHEMA)
            .field("ts_ms", Schema.INT64_SCHEMA).field("db", Schema.STRING_SCHEMA).field("schema", Schema.STRING_SCHEMA)
            .field("table", Schema.STRING_SCHEMA).field("sequence", Schema.OPTIONAL_STRING_SCHEMA)
            .field("txId", Schema.OPTIONAL_INT64_SCHEMA).field("lsn", Schema.OPTIONAL_INT64_SCHEMA).build();
        Envelope envelope = Envelope.defineSchema().withName("shop.public.orders.Envelope").withRecord(row).withSource(source)
            .build();
        Struct from = new Struct(source).put("version", "3.6.1.Final").put("connector", "postgresql").put("name", "shop")
            .put("ts_ms", 1795942800123L).put("db", "shop").put("schema", "public").put("table", "orders")
            .put("sequence", "[null,\"42\"]").put("txId", 7L).put("lsn", 42L);
        Struct change = envelope.create(new Struct(row).put("id", 7), from, Instant.ofEpochMilli(1795942800456L));
        CloudEventsConverter converter = new CloudEventsConverter();
        converter.configure(Map.of("serializer.type", "json", "data.serializer.type", "json", "json.schemas.enable", "false"), false);
        System.out.println(new String(converter.fromConnectData("shop.public.orders", envelope.schema(), change)));
    }
}
JAVA
cat > "$folder/names.js" <<'JS'
import { readFileSync } from "node:fs";
import { CloudEvent } from "cloudevents";
const event = JSON.parse(readFileSync(0));
console.log("extensions of the transaction:", Object.keys(event).filter((name) => name.toLowerCase() === "iodebeziumtxid").join(", "));
try {
  new CloudEvent(event);
  console.log("JavaScript: an event");
} catch (error) {
  console.log("JavaScript:", error.message.split("\n")[0]);
}
JS
javac -cp "$jars" -d "$folder/classes" "$folder/Change.java"
java -cp "$folder/classes:$jars" Change 2>/dev/null > "$folder/event"
(cd "$folder" && node names.js < event) > "$folder/seen"
expect <<'TEXT'
extensions of the transaction: iodebeziumtxId, iodebeziumtxid
JavaScript: invalid extension name: iodebeziumtxId
TEXT
