#!/bin/sh
# Spring for Apache Pulsar writes headers that are no texts as JSON: a URI in quotes, a time as seconds with nine decimals.
#
# Software: spring-pulsar 1.2.11 and spring-messaging 6.2.12 (Maven).
# Seen: JsonPulsarHeaderMapper, which PulsarTemplate and the binder of Spring Cloud Stream use. A consumer that is no Spring program
# gets `"/shop"` with its quotes as a CloudEvent's source, and 1795942800.123456000 as its time. The property
# `spring_json_header_types` names the Java class of each.
. "$(dirname "$0")/lib/finding.sh"
java_with org.springframework.pulsar:spring-pulsar:1.2.11 org.springframework:spring-messaging:6.2.12 \
    com.fasterxml.jackson.core:jackson-databind:2.19.2 com.fasterxml.jackson.datatype:jackson-datatype-jsr310:2.19.2
cat > "$folder/Headers.java" <<'JAVA'
import java.net.URI;
import java.time.OffsetDateTime;
import java.util.*;
import org.springframework.messaging.MessageHeaders;
import org.springframework.pulsar.support.header.JsonPulsarHeaderMapper;

public class Headers {
    public static void main(String[] args) {
        Map<String, Object> headers = new LinkedHashMap<>();
        headers.put("ce-source", URI.create("/shop"));
        headers.put("ce-time", OffsetDateTime.parse("2026-11-29T10:00:00.123456+01:00"));
        headers.put("ce-type", "order.placed");
        headers.put("key", UUID.fromString("0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55"));
        Map<String, String> written = JsonPulsarHeaderMapper.builder().build().toPulsarHeaders(new MessageHeaders(headers));
        for (String name : headers.keySet()) System.out.println("SEEN " + name + ": " + written.get(name));
    }
}
JAVA
java -cp "$jars" "$folder/Headers.java" > "$folder/log" 2>&1 || tail -5 "$folder/log" >&2
sed -n 's/^SEEN //p' "$folder/log" > "$folder/seen"
expect <<'TEXT'
ce-source: "/shop"
ce-time: 1795942800.123456000
ce-type: order.placed
key: "0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55"
TEXT
