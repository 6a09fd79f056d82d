"""The pages of dead letters: what a subscription gave up, burying it, exporting it, and keeping it from retention."""
