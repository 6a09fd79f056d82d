"""What is wrong with a subscription: its state with the evidence, and mistakes in how it is used, as plain values."""

from eventstore.diagnosis.diagnose import diagnose
from eventstore.diagnosis.findings import Certainty, Declared, Diagnosis, Evidence, Fact, Finding, Mistake, MixedBatch

__all__ = [
    "Certainty",
    "Declared",
    "Diagnosis",
    "Evidence",
    "Fact",
    "Finding",
    "Mistake",
    "MixedBatch",
    "diagnose",
]
