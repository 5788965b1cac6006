"""Records in Azure Table Storage: environments, operations, locks, machines and receipts."""
