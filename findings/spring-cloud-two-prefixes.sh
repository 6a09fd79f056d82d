#!/bin/sh
# One Spring Cloud application writes CloudEvents under two prefixes: `ce_` through StreamBridge, `ce-` as a function's answer.
#
# Software: spring-cloud-stream-binder-pulsar and spring-cloud-function-context 4.3.0, Spring Boot 3.5.7 (Maven), a broker of
# Pulsar 4.0.8 (Maven).
# Seen: the same CloudEventMessageBuilder made both messages. The function's answer has HTTP's prefix although no HTTP is involved, and
# both messages say `target-protocol: kafka`. Neither has a key.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
broker
java_with org.springframework.cloud:spring-cloud-stream-binder-pulsar:4.3.0 \
    org.springframework.cloud:spring-cloud-function-context:4.3.0 org.springframework.boot:spring-boot-starter-json:3.5.7
python_with pulsar-client==3.13.0
mkdir "$folder/classes"
cat > "$folder/App.java" <<'JAVA'
package shop;

import java.net.URI;
import java.util.function.Function;
import org.springframework.boot.*;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.function.cloudevent.CloudEventMessageBuilder;
import org.springframework.cloud.stream.function.StreamBridge;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.MessageBuilder;

@SpringBootApplication
public class App {
    static Message<String> event(String id) {
        return CloudEventMessageBuilder.withData("{}").setId(id).setType("order.placed").setSource("/shop").build();
    }

    @Bean
    public Function<Message<String>, Message<String>> answer() { return message -> event("2"); }

    public static void main(String[] args) throws Exception {
        SpringApplication application = new SpringApplication(App.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        String binding = "--spring.cloud.stream.bindings.answer-", topic = "persistent://public/default/";
        try (ConfigurableApplicationContext context = application.run(
                "--spring.pulsar.client.service-url=" + args[0], "--spring.pulsar.admin.service-url=" + args[1],
                "--spring.cloud.function.definition=answer", binding + "in-0.destination=" + topic + "in",
                binding + "in-0.group=shop", binding + "out-0.destination=" + topic + "answered")) {
            StreamBridge bridge = context.getBean(StreamBridge.class);
            bridge.send(topic + "bridged", event("1"));
            bridge.send(topic + "in", MessageBuilder.withPayload("{}").build());
            Thread.sleep(5000);
        }
    }
}
JAVA
javac -parameters -cp "$jars" -d "$folder/classes" "$folder/App.java"
java -cp "$folder/classes:$jars" shop.App "$broker_url" "$admin_url" > "$folder/log" 2>&1 || tail -5 "$folder/log" >&2
"$python" - "$broker_url" > "$folder/seen" <<'PY'
import sys

import pulsar

client = pulsar.Client(sys.argv[1], logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
for topic in ("bridged", "answered"):
    message = client.create_reader(topic, pulsar.MessageId.earliest).read_next(30000)
    print(f"{topic}: {', '.join(sorted(name for name in message.properties() if name.startswith('ce')))}; key {message.partition_key()!r}")
client.close()
PY
expect <<'TEXT'
bridged: ce_id, ce_source, ce_specversion, ce_type; key ''
answered: ce-id, ce-source, ce-specversion, ce-type; key ''
TEXT
