"""Text: parsing, truncating and sanitizing input and output."""
