"""Evidence about a dataset: fidelity, diversity, privacy, fairness, equivalence. The room is empty in this release."""
