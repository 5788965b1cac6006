"""Resources without machines: monitoring, registries, identities, custom roles, machine learning."""
