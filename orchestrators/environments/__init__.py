"""Orchestrators that change an environment."""
