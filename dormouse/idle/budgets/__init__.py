"""Budgets that are used up: what sweeps stop because of them, and what they do not start."""
