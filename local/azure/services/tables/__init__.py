"""Simulated Table Storage."""
