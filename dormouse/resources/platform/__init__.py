"""Kinds of resource that environments without machines share: identities, registries, vaults, monitoring."""
