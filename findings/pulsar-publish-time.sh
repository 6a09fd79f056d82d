#!/bin/sh
# A publish time is what the producer's clock says, any 64-bit number, and the clients disagree about those below zero.
#
# Software: pulsar-client 3.13.0 (PyPI), the Java client and the broker of Pulsar 4.0.8 (Maven).
# Seen: ClientBuilder.clock takes a hybrid logical clock, whose numbers lie beyond the year 9999, and one that is slow to start. The
# broker takes both. The Java client gives -5 back as -5, the Python client as an unsigned number.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/Times.java" <<'JAVA'
import java.time.*;
import org.apache.pulsar.client.api.*;

public class Times {
    public static void main(String[] args) throws Exception {
        for (long now : new long[] {117703291094630400L, -5L}) {
            Clock clock = new Clock() {
                public ZoneId getZone() { return ZoneOffset.UTC; }
                public Clock withZone(ZoneId zone) { return this; }
                public Instant instant() { return Instant.ofEpochMilli(now); }
                public long millis() { return now; }
            };
            try (PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).clock(clock).build();
                 Producer<byte[]> producer = client.newProducer().topic("times").enableBatching(false).create()) {
                producer.send("{}".getBytes());
            }
        }
        try (PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).build();
             Reader<byte[]> reader = client.newReader().topic("times").startMessageId(MessageId.earliest).create()) {
            System.out.println("SEEN Java: " + reader.readNext().getPublishTime() + " " + reader.readNext().getPublishTime());
        }
        System.exit(0);
    }
}
JAVA
java -cp "$folder/pulsar/lib/*" "$folder/Times.java" "$broker_url" > "$folder/log" 2>&1 || tail -5 "$folder/log" >&2
sed -n 's/^SEEN //p' "$folder/log" > "$folder/seen"
"$python" - "$broker_url" >> "$folder/seen" <<'PY'
import sys

import pulsar

client = pulsar.Client(sys.argv[1], logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
reader = client.create_reader("times", pulsar.MessageId.earliest)
print("Python:", reader.read_next(30000).publish_timestamp(), reader.read_next(30000).publish_timestamp())
client.close()
PY
expect <<'TEXT'
Java: 117703291094630400 -5
Python: 117703291094630400 18446744073709551611
TEXT
