"""Unit tests of clusters of nodes."""
