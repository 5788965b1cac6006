"""Activities that create, read, change and delete Azure resources."""
