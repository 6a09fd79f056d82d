"""Searches that read a topic, for what the index cannot answer.

``spans`` decides what to read of each partition. ``partition_reader`` reads it in bounded pieces, several partitions in
parallel, merged by publish time. ``scan`` is one running search, ``progress`` says how far it is, and ``scans`` keeps
the searches of this process.
"""

from eventstore.scanning.progress import ScanProgress, ScanState
from eventstore.scanning.scan import Scan, ScanRequest
from eventstore.scanning.scans import Scans

__all__ = ["Scan", "ScanProgress", "ScanRequest", "ScanState", "Scans"]
