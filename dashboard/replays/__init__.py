"""The pages of replays: planning one, approving it, watching it, and its report."""
