"""Stacks: several environments that one file describes."""
