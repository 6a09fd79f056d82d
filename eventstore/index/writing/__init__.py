"""From a batch of events to rows: prepared by the reader threads, written with the checkpoint in one transaction."""
