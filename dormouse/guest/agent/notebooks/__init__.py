"""Notebooks: Jupyter servers and kernels."""
