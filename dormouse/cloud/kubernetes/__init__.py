"""The Kubernetes API of managed clusters, over the connections that are there, with a token of Microsoft Entra ID."""
