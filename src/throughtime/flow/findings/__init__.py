"""Findings: what stands out in a network's gradient flow, what it means, and what to try."""

from throughtime.flow.findings.evidence import Evidence, TrainingFacts
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.search import find

__all__ = ["Evidence", "Finding", "TrainingFacts", "find"]
