"""One client connection with its upstream connection: two sockets, from accept to the last close."""
