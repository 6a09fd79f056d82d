#!/bin/sh
# A property that is set twice has its first value for the Python client, and its last for the Java client.
#
# Software: pulsar-client 3.13.0 (PyPI), the Java client and the broker of Pulsar 4.0.8 (Maven).
# Seen: TypedMessageBuilder.property called twice with one name sends both. Which value a consumer gets depends on its language.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/Twice.java" <<'JAVA'
import org.apache.pulsar.client.api.*;

public class Twice {
    public static void main(String[] args) throws Exception {
        try (PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).build();
             Producer<byte[]> producer = client.newProducer().topic("twice").create();
             Reader<byte[]> reader = client.newReader().topic("twice").startMessageId(MessageId.earliest).create()) {
            producer.newMessage().property("ce_id", "first").property("ce_id", "last").value("{}".getBytes()).send();
            System.out.println("SEEN Java: " + reader.readNext().getProperties());
        }
    }
}
JAVA
java -cp "$folder/pulsar/lib/*" "$folder/Twice.java" "$broker_url" > "$folder/log" 2>&1 || tail -5 "$folder/log" >&2
sed -n 's/^SEEN //p' "$folder/log" > "$folder/seen"
"$python" - "$broker_url" >> "$folder/seen" <<'PY'
import sys

import pulsar

client = pulsar.Client(sys.argv[1], logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
print("Python:", client.create_reader("twice", pulsar.MessageId.earliest).read_next(30000).properties())
client.close()
PY
expect <<'TEXT'
Java: {ce_id=last}
Python: {'ce_id': 'first'}
TEXT
