"""Who Eventdesk is to a Pulsar cluster, and what the cluster lets it do."""
