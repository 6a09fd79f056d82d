import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.BatcherBuilder;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerBuilder;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.TypedMessageBuilder;
import org.apache.pulsar.client.impl.TypedMessageBuilderImpl;
import org.apache.pulsar.common.api.proto.MessageMetadata;

/**
 * Publishes what it is told on standard input, a JSON object a line, and answers each line with one of its own: see
 * tests/java_producer.py. It sets what Python's client cannot set: the clock, binary keys, ordering keys, the metadata itself.
 */
public class RawProducer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static volatile Long told;

    /** The clock of the client: the publish time that the message is to have, whatever it is. */
    private static final Clock CLOCK = new Clock() {
        public ZoneId getZone() { return ZoneOffset.UTC; }
        public Clock withZone(ZoneId zone) { return this; }
        public Instant instant() { return Instant.ofEpochMilli(millis()); }
        public long millis() {
            Long time = told;
            return time == null ? System.currentTimeMillis() : time;
        }
    };

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);  // whatever a library prints is no answer
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (PulsarClient client = PulsarClient.builder().serviceUrl(arguments[0]).clock(CLOCK).build()) {
            for (String line; (line = lines.readLine()) != null;) {
                answers.println(JSON.writeValueAsString(answer(client, JSON.readTree(line))));
            }
        }
    }

    private static Map<String, Object> answer(PulsarClient client, JsonNode order) {
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            answer.put("ids", publish(client, order));
        } catch (Throwable problem) {
            answer.put("problem", problem.toString());
        } finally {
            told = null;
        }
        return answer;
    }

    private static List<String> publish(PulsarClient client, JsonNode order) throws Exception {
        boolean batched = order.path("batched").asBoolean();
        List<CompletableFuture<MessageId>> sent = new ArrayList<>();
        ProducerBuilder<byte[]> builder = client.newProducer(Schema.BYTES).topic(order.get("topic").asText())
            .enableBatching(batched).blockIfQueueFull(true).batchingMaxPublishDelay(10, TimeUnit.MINUTES)
            .batchingMaxMessages(1_000).initialSequenceId(order.path("initialSequenceId").asLong(-1));
        if (order.hasNonNull("producerName")) {
            builder.producerName(order.get("producerName").asText());
        }
        if (order.path("chunkBytes").asInt() > 0) {
            builder.enableChunking(true).chunkMaxMessageSize(order.get("chunkBytes").asInt());
        }
        if (order.path("keyBased").asBoolean()) {
            builder.batcherBuilder(BatcherBuilder.KEY_BASED);
        }
        try (Producer<byte[]> producer = builder.create()) {
            for (JsonNode message : order.get("messages")) {
                told = message.hasNonNull("publishTime") ? message.get("publishTime").asLong() : null;
                sent.add(built(producer, message).sendAsync());
            }
            producer.flush();
            List<String> ids = new ArrayList<>();
            for (CompletableFuture<MessageId> one : sent) {
                ids.add(one.get(30, TimeUnit.SECONDS).toString());
            }
            return ids;
        }
    }

    private static TypedMessageBuilder<byte[]> built(Producer<byte[]> producer, JsonNode message) throws Exception {
        TypedMessageBuilder<byte[]> builder = producer.newMessage();
        message.path("properties").fields().forEachRemaining(one -> builder.property(one.getKey(), one.getValue().asText()));
        builder.value(message.hasNonNull("value") ? bytes(message.get("value")) : null);
        if (message.hasNonNull("key")) {
            builder.key(message.get("key").asText());
        }
        if (message.hasNonNull("keyBytes")) {
            builder.keyBytes(bytes(message.get("keyBytes")));
        }
        if (message.hasNonNull("orderingKey")) {
            builder.orderingKey(bytes(message.get("orderingKey")));
        }
        if (message.hasNonNull("sequenceId")) {
            builder.sequenceId(message.get("sequenceId").asLong());
        }
        if (message.hasNonNull("deliverAfter")) {
            builder.deliverAfter(message.get("deliverAfter").asLong(), TimeUnit.MILLISECONDS);
        }
        if (message.path("disableReplication").asBoolean()) {
            builder.disableReplication();
        }
        set(((TypedMessageBuilderImpl<byte[]>) builder).getMetadataBuilder(), message.path("metadata"));
        return builder;
    }

    /** Sets fields of the metadata by their names in the protocol: what the builder refuses, or has no call for. */
    private static void set(MessageMetadata metadata, JsonNode fields) throws Exception {
        for (Iterator<Map.Entry<String, JsonNode>> each = fields.fields(); each.hasNext();) {
            Map.Entry<String, JsonNode> field = each.next();
            String name = "set" + field.getKey().substring(0, 1).toUpperCase() + field.getKey().substring(1);
            Method setter = Arrays.stream(MessageMetadata.class.getMethods())
                .filter(method -> method.getName().equals(name) && converted(method, field.getValue()) != null)
                .findFirst().orElseThrow(() -> new IllegalArgumentException("MessageMetadata has no " + name));
            setter.invoke(metadata, converted(setter, field.getValue()));
        }
    }

    /** The value as this setter takes it: a number, a flag, a text, the name of a constant, or bytes as base64; else null. */
    private static Object converted(Method setter, JsonNode value) {
        Class<?> type = setter.getParameterTypes()[0];
        if (value.isBoolean()) {
            return type == boolean.class ? value.asBoolean() : null;
        }
        if (value.isNumber()) {
            return type == long.class ? (Object) value.asLong() : type == int.class ? (Object) value.asInt() : null;
        }
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants()).filter(one -> one.toString().equals(value.asText())).findFirst()
                .orElse(null);
        }
        return type == String.class ? value.asText() : type == byte[].class ? bytes(value) : null;
    }

    private static byte[] bytes(JsonNode base64) {
        return Base64.getDecoder().decode(base64.asText());
    }
}
