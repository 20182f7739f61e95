"""Physics plus a learned residual. The room is empty in this release: networks enter physics only as functions."""
