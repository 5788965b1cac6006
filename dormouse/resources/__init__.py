"""What things are in Azure: plans, resource IDs, ownership, VM sizes and request payloads. Pure."""
