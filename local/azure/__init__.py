"""A simulated Azure over HTTPS, as far as the control plane uses it; it imports nothing of the control plane.

Its responses follow recorded traffic of the real one. Anything that is not simulated gets a 501 with an explanation.
"""
