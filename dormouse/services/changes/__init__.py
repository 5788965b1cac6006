"""Changes of environments that exist: what differs from a plan, another size, another password."""
