"""What the kernel knows: processes, sockets, terminals, load."""
