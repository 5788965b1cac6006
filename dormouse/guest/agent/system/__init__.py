"""Facts from the kernel: processes, sockets, terminals, load."""
