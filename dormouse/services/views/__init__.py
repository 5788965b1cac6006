"""Views: what callers see of environments, operations, machines and sweeps."""
