"""Azure Machine Learning: workspaces, the datastores and clusters in them, and who may use what they share."""
