"""Use cases of open links: how far an environment is on the way to being used, and starting it for those who come."""
