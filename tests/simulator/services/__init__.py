"""Services beside Resource Manager: Resource Graph, Azure Monitor, Table and Blob Storage, sign-in."""
