"""What is billed for resources as long as they exist: rows of the price list, and which of them count."""
