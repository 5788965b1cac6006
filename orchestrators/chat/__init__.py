"""Orchestrations that run chat commands."""
