import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.*;

/**
 * Gives up all events of topics: after the service URL come the topic, the subscription, how many events there are, and how it
 * gives up, of each. {@code nack} refuses an event, {@code later} sends it to the retry topic first, with a reason in the property
 * {@code why}. Ends when all have become letters.
 */
public class Letters {
  public static void main(String[] given) throws Exception {
    try (PulsarClient client = PulsarClient.builder().serviceUrl(given[0]).build()) {
      for (int at = 1; at < given.length; at += 4) {
        giveUp(client, given[at], given[at + 1], Integer.parseInt(given[at + 2]), given[at + 3].equals("later"));
      }
    }
  }

  static void giveUp(PulsarClient client, String topic, String name, int events, boolean later) throws Exception {
    try (Consumer<byte[]> letters = client.newConsumer().topic(topic + "-" + name + "-DLQ").subscriptionName("counts").subscribe();
        Consumer<byte[]> consumer = client.newConsumer().topic(topic).subscriptionName(name)
            .subscriptionType(SubscriptionType.Shared).subscriptionInitialPosition(SubscriptionInitialPosition.Earliest)
            .enableRetry(later).negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS)
            .deadLetterPolicy(DeadLetterPolicy.builder().maxRedeliverCount(1).build()).subscribe()) {
      for (int counted = 0; counted < events; ) {
        Message<byte[]> message = consumer.receive(100, TimeUnit.MILLISECONDS);
        if (message != null && later) consumer.reconsumeLater(message, Map.of("why", "no address"), 0, TimeUnit.MILLISECONDS);
        else if (message != null) consumer.negativeAcknowledge(message);
        while (letters.receive(1, TimeUnit.MILLISECONDS) != null) counted++;
      }
      letters.unsubscribe();
    }
  }
}
