"""What Azure says of clusters of nodes."""
