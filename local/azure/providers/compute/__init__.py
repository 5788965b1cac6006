"""Microsoft.Compute: virtual machines, their extensions and disks, and what Azure refuses of them."""
