"""Benchmarks of the promised figures: `make bench`."""
