"""Orchestrations that change an environment."""
