"""Use cases of idle shutdown."""
