"""The dashboard: a page and its files, served as they are; it asks the same HTTP API as every other client."""
