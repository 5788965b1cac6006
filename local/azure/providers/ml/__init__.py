"""Microsoft.MachineLearningServices: workspaces, and the clusters and datastores in them."""
