"""Stacks: several environments in one file."""
