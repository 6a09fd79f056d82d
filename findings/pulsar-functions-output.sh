#!/bin/sh
# The output of a function has the id of its input: properties and key are copied, and the event time is not.
#
# Software: pulsar-functions-local-runner and broker of Pulsar 4.0.8 (Maven).
# Seen: a Function<String, String> that returns its argument. The output carries every property of the input, its key, and two
# more properties; its event time is 0. `__pfn_input_msg_id__` is base64 of the serialized message id.
# So two messages of two topics have one CloudEvents id, although the function never named it.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
cat > "$folder/Same.java" <<'JAVA'
public class Same implements org.apache.pulsar.functions.api.Function<String, String> {
    public String process(String input, org.apache.pulsar.functions.api.Context context) { return input; }
}
JAVA
cat > "$folder/Run.java" <<'JAVA'
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.*;
import org.apache.pulsar.common.functions.FunctionConfig;
import org.apache.pulsar.functions.LocalRunner;

public class Run {
    public static void main(String[] args) throws Exception {
        FunctionConfig function = new FunctionConfig();
        function.setTenant("public");
        function.setNamespace("default");
        function.setName("same");
        function.setInputs(Set.of("persistent://public/default/in"));
        function.setOutput("persistent://public/default/out");
        function.setClassName("Same");
        function.setRuntime(FunctionConfig.Runtime.JAVA);
        function.setJar(args[1]);
        function.setSubscriptionPosition(SubscriptionInitialPosition.Earliest);
        PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).build();
        client.newProducer(Schema.STRING).topic("in").create().newMessage().key("order-7").eventTime(1795942800123L)
            .property("ce_id", "1").value("{}").send();
        Reader<byte[]> reader = client.newReader().topic("out").startMessageId(MessageId.earliest).create();
        LocalRunner.builder().functionConfig(function).brokerServiceUrl(args[0]).build().start(false);
        Message<byte[]> output = reader.readNext(90, TimeUnit.SECONDS);
        byte[] input = Base64.getDecoder().decode(output.getProperty("__pfn_input_msg_id__"));
        System.out.println("SEEN properties: " + String.join(", ", new TreeSet<>(output.getProperties().keySet())));
        System.out.println("SEEN ce_id: " + output.getProperty("ce_id"));
        System.out.println("SEEN key: " + output.getKey());
        System.out.println("SEEN event time: " + output.getEventTime());
        System.out.println("SEEN input's entry: " + ((MessageIdAdv) MessageId.fromByteArray(input)).getEntryId());
        System.exit(0);
    }
}
JAVA
mkdir "$folder/classes"
javac -cp "$folder/pulsar/lib/*" -d "$folder/classes" "$folder/Same.java" "$folder/Run.java"
(cd "$folder/classes" && jar cf ../same.jar Same.class)
java -cp "$folder/classes:$folder/pulsar/lib/*" Run "$broker_url" "$folder/same.jar" > "$folder/log" 2>&1 || tail -5 "$folder/log" >&2
sed -n 's/^SEEN //p' "$folder/log" > "$folder/seen"
expect <<'TEXT'
properties: __pfn_input_msg_id__, __pfn_input_topic__, ce_id
ce_id: 1
key: order-7
event time: 0
input's entry: 0
TEXT
