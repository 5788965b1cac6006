"""Orchestrators of reconciliation."""
