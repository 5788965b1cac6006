"""Microsoft.ContainerService: managed clusters (AKS) and their agent pools as Azure Resource Manager shows them."""
