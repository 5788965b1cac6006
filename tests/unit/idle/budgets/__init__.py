"""Stops because of budgets."""
