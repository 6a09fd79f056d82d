#!/bin/sh
# A dead letter that the Python client makes has lost its event time, and does not say which subscription gave it up.
#
# Software: pulsar-client 3.13.0 (PyPI), the Java client and the broker of Pulsar 4.0.8 (Maven).
# Seen: the Java client's letter keeps the event time and carries REAL_SUBSCRIPTION. Both carry ORIGIN_MESSAGE_ID, each in its own
# form: ledger:entry:partition from Java, (ledger,entry,partition,batch index) from Python.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
python_with pulsar-client==3.13.0
cat > "$folder/Letters.java" <<'JAVA'
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.*;

public class Letters {
    public static void main(String[] args) throws Exception {
        try (PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).build();
             Consumer<byte[]> consumer = client.newConsumer().topic("java").subscriptionName("mail")
                 .subscriptionType(SubscriptionType.Shared).negativeAckRedeliveryDelay(200, TimeUnit.MILLISECONDS)
                 .deadLetterPolicy(DeadLetterPolicy.builder().maxRedeliverCount(1).build()).subscribe();
             Producer<byte[]> producer = client.newProducer().topic("java").create();
             Consumer<byte[]> letters = client.newConsumer().topic("java-mail-DLQ").subscriptionName("letters").subscribe()) {
            producer.newMessage().key("order-7").eventTime(1795942800123L).value("{}".getBytes()).send();
            consumer.negativeAcknowledge(consumer.receive());
            consumer.negativeAcknowledge(consumer.receive());
            consumer.receive(2, TimeUnit.SECONDS);
            letters.receive(30, TimeUnit.SECONDS);
        }
    }
}
JAVA
java -cp "$folder/pulsar/lib/*" "$folder/Letters.java" "$broker_url" > "$folder/java.log" 2>&1
"$python" - "$broker_url" > "$folder/seen" <<'PY'
import re
import sys

import pulsar

client = pulsar.Client(sys.argv[1], logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
consumer = client.subscribe("python", "mail", consumer_type=pulsar.ConsumerType.Shared, negative_ack_redelivery_delay_ms=200,
                            dead_letter_policy=pulsar.ConsumerDeadLetterPolicy(1))
client.create_producer("python").send(b"{}", partition_key="order-7", event_timestamp=1795942800123)
consumer.negative_acknowledge(consumer.receive())
consumer.negative_acknowledge(consumer.receive())
try:
    consumer.receive(2000)
except pulsar.Timeout:
    pass
for name in ("java", "python"):
    letter = client.create_reader(f"{name}-mail-DLQ", pulsar.MessageId.earliest).read_next(30000)
    properties = {key: re.sub(r"\d+", "N", value) for key, value in sorted(letter.properties().items()) if "ORIGIN" in key or "SUBSCRIPTION" in key}
    print(f"{name}: key {letter.partition_key()}, event time {letter.event_timestamp()}, {properties}")
client.close()
PY
expect <<'TEXT'
java: key order-7, event time 1795942800123, {'ORIGIN_MESSAGE_ID': 'N:N:-N', 'ORIGIN_MESSAGE_IDY_TIME': 'N:N:-N', 'REAL_SUBSCRIPTION': 'mail'}
python: key order-7, event time 0, {'ORIGIN_MESSAGE_ID': '(N,N,-N,-N)'}
TEXT
