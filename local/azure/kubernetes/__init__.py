"""The inside of clusters: a small Kubernetes API server for each, its controllers, its scheduler and its nodes."""
