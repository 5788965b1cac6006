"""Kinds of environment: the spec of each and the list of its resources. Pure."""
