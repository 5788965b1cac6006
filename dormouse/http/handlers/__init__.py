"""HTTP handlers: one function per route."""
