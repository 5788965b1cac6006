"""Text: reading, limiting and cleaning what people and machines write."""
