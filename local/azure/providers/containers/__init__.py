"""Microsoft.ContainerRegistry and what else is about containers."""
