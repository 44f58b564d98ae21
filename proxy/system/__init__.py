"""The operating system: clock, sockets, ports, names."""
