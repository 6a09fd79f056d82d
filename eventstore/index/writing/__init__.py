"""From a batch of events to rows in the index.

Reader threads prepare batches (``prepared_batch``). The one writer thread of a process gives them their numbers
(``numbering``), finds anomalies and duplicates, and writes each batch with its checkpoint in one transaction (``writer``).
"""
