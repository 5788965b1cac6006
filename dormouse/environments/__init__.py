"""Environments: operations and their results. Pure."""
