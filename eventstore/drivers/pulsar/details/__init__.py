"""What a Pulsar cluster tells around a topic, beside its events and subscriptions."""
