"""Environments: the graph of resources, lifecycle, operations and their results. Pure."""
