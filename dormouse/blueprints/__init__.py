"""Blueprints: the spec and the list of resources of each kind of environment. Pure."""
