"""Reading the index: pointers, aggregates, values, anomalies, counts and progress. Nothing in here writes events."""
