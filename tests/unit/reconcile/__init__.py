"""Rules of reconciliation."""
