"""Azure: SDK clients created on first use, long-running operations, and translation of error codes."""
