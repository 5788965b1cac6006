"""Orchestrations of the idle sweep."""
