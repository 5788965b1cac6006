"""Activities of reconciliation: look, claim, check again, and end a pass."""
