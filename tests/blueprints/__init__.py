"""Blueprints that exist in the tests only: they prove that a blueprint is a spec, a list of resources, and nothing else."""
