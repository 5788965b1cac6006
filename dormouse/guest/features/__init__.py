"""What each feature of a machine adds to it: files, units, its part of the setup, and its health checks."""
