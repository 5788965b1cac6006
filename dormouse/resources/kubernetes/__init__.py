"""Kubernetes on Azure: clusters, node pools, images and manifests. Pure."""
