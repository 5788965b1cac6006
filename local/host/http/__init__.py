"""The host's HTTP side: routes, keys and the durable management API."""
