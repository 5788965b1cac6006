"""Reconciliation: what exists in Azure without a record, and what is recorded and no longer exists. Pure."""
