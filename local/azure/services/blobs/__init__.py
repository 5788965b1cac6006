"""Simulated Blob Storage."""
