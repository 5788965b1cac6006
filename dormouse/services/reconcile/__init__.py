"""Use cases of reconciliation: start a pass, and show what passes have found."""
