"""Searches that read a topic: what the index cannot answer is looked for in the events themselves.

``spans``: what is to be read of each partition; ``reading``: reading it in bounded pieces, partitions side by side, merged by
publish time; ``scan``: one running search and how far it is; ``scans``: those of this process.
"""

from eventstore.scanning.progress import Progress, ScanState
from eventstore.scanning.scan import Scan
from eventstore.scanning.scans import Scans

__all__ = ["Progress", "Scan", "ScanState", "Scans"]
