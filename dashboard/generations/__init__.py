"""The page of a projection's generation: compared with the present one, and promoted or discarded."""
