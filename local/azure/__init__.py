"""A simulated Azure over HTTPS, as far as the control plane uses it; it imports nothing of the control plane.

What it says and how follows recorded traffic of the real one. What it does not know it answers with 501 and a sentence.
"""
