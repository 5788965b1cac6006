"""Alerts, diagnostic settings and budgets."""
