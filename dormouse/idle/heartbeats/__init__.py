"""What agents report: its fields, its requests, and what is kept of it for each machine."""
