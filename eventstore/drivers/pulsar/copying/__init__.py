"""Sending copies under a name that the broker admits once, and acknowledging by position. See ``eventstore.model.copying``."""
