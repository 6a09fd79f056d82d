"""Reading in processes of their own, while this one writes.

A process (``reading``) opens readers of partitions, and reads usual events side by side. It knows no index, no configuration
and no lease, only the store: what it sends is what was read, packed, and of unusual messages the messages. The indexer asks
for each batch (``remote``), so that a process is at most one batch ahead of the writer. One that ends, for whatever reason,
takes nothing with it: its partitions go on at the index's checkpoint.
"""
