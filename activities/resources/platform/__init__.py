"""Requests for identities, registries, vaults and monitoring."""
