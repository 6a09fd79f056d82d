#!/bin/sh
# A JSON schema of the Java client describes other values than its messages hold: dates and times differ.
#
# Software: pulsar-client 4.0.8 (Maven).
# Seen: Schema.JSON registers an Avro definition in which an Instant is a long of microseconds and a LocalDate an int of days.
# The bytes of the same schema have a decimal number of seconds and a list of year, month and day. A reader that converts by the
# registered definition takes 1795942800.123 microseconds, or fails at the list.
. "$(dirname "$0")/lib/finding.sh"
java_with org.apache.pulsar:pulsar-client:4.0.8 org.slf4j:slf4j-nop:2.0.17
cat > "$folder/Json.java" <<'JAVA'
import java.time.*;
import java.util.regex.*;
import org.apache.pulsar.client.api.Schema;

public class Json {
    public static class Order { public Instant at; public LocalDate day; }

    public static void main(String[] args) {
        Order order = new Order();
        order.at = Instant.parse("2026-11-29T09:00:00.123Z");
        order.day = LocalDate.of(2026, 11, 29);
        Schema<Order> schema = Schema.JSON(Order.class);
        Matcher kinds = Pattern.compile("logicalType\\W+([a-z-]+)").matcher(schema.getSchemaInfo().getSchemaDefinition());
        while (kinds.find()) System.out.println(kinds.group(1));
        System.out.println(new String(schema.encode(order)));
    }
}
JAVA
mkdir "$folder/classes"
javac -cp "$jars" -d "$folder/classes" "$folder/Json.java"
java -cp "$folder/classes:$jars" Json > "$folder/seen"
expect <<'TEXT'
timestamp-micros
date
{"at":1795942800.123000000,"day":[2026,11,29]}
TEXT
