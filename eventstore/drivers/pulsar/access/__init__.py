"""How Eventdesk shows a Pulsar cluster who it is, how it knows the broker, and what the broker lets it do."""
