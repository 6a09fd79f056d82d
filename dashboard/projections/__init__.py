"""The pages of projections: which there are, how far each generation is, and what may be replayed to each."""
