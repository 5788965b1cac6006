"""Requests for managed clusters, their node pools, images and the objects in them."""
