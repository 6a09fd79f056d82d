import java.nio.charset.StandardCharsets;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.*;
import org.apache.pulsar.client.api.transaction.Transaction;

/** Publishes to one topic, within a transaction where one is open. Takes an order a line, and answers each with "done". */
public class Transactions {
  public static void main(String[] given) throws Exception {
    try (PulsarClient client = PulsarClient.builder().serviceUrl(given[0]).enableTransaction(true).build();
        Producer<byte[]> single = producer(client, given[1]).enableBatching(false).create();
        Producer<byte[]> batches = producer(client, given[1]).batchingMaxMessages(Integer.parseInt(given[2]))
            .batchingMaxPublishDelay(1, TimeUnit.HOURS).create();
        Scanner orders = new Scanner(System.in, StandardCharsets.UTF_8)) {
      Transaction open = null;
      answer();
      while (orders.hasNextLine()) {
        String[] words = orders.nextLine().split(" ");
        switch (words[0]) {
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
        answer();
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

  static void answer() {
    System.out.println("done");
    System.out.flush();
  }
}
