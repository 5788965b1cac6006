"""Registries of images, and managed clusters (AKS) with their agent pools, as Azure Resource Manager shows them."""
