"""What answers of Azure mean: their bodies, their codes, and the table of refusals."""
