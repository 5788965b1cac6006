"""Environments without a machine of their own, and what they share."""
