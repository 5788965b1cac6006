"""Requests for Azure Machine Learning: workspaces, datastores, clusters, and roles on what they share."""
