import java.nio.charset.StandardCharsets;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.*;
import org.apache.pulsar.client.api.transaction.Transaction;

/**
 * Publishes to one topic after another, within a transaction where one is open. Takes an order a line, and answers each with
 * "done".
 */
public class Transactions {
  public static void main(String[] given) throws Exception {
    Producer<byte[]> single = null;
    Producer<byte[]> batches = null;
    Transaction open = null;
    try (PulsarClient client = PulsarClient.builder().serviceUrl(given[0]).enableTransaction(true).build();
        Scanner orders = new Scanner(System.in, StandardCharsets.UTF_8)) {
      while (orders.hasNextLine()) {
        String[] words = orders.nextLine().split(" ");
        switch (words[0]) {
          case "topic" -> {
            single = producer(client, words[1]).enableBatching(false).create();
            batches = producer(client, words[1]).batchingMaxMessages(Integer.parseInt(given[1]))
                .batchingMaxPublishDelay(1, TimeUnit.HOURS).create();
          }
          case "begin" -> open = client.newTransaction().withTransactionTimeout(5, TimeUnit.MINUTES).build().get();
          case "ordinary" -> message(single, null, words[1]).send();
          case "single" -> message(single, open, words[1]).send();
          case "batch" -> {
            CompletableFuture<MessageId> last = null;
            for (int i = 1; i < words.length; i++) last = message(batches, open, words[i]).sendAsync();
            last.get();
          }
          case "commit" -> open.commit().get();
          case "abort" -> open.abort().get();
          default -> throw new IllegalArgumentException(words[0]);
        }
        System.out.println("done");
        System.out.flush();
      }
    }
  }

  static ProducerBuilder<byte[]> producer(PulsarClient client, String topic) {
    return client.newProducer().topic(topic).sendTimeout(0, TimeUnit.SECONDS);
  }

  static TypedMessageBuilder<byte[]> message(Producer<byte[]> producer, Transaction open, String value) {
    TypedMessageBuilder<byte[]> message = open == null ? producer.newMessage() : producer.newMessage(open);
    return message.value(value.getBytes(StandardCharsets.UTF_8));
  }
}
