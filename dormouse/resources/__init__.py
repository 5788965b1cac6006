"""Azure resources as data: plans, resource IDs, ownership and VM sizes. Pure."""
