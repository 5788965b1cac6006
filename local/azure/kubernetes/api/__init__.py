"""The API server of a cluster: what it answers, whom it lets in, and what it takes."""
