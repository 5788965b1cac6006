"""Rendering: the control plane's responses as text for people."""
