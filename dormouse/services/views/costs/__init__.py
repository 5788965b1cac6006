"""What callers see of costs: the report, and the part of it in an environment."""
