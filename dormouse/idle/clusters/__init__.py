"""Clusters: groups of nodes that are put to sleep by giving back their nodes."""
