"""One client connection with its upstream connection, from accept to the last close.

followed_link -> link -> side        the host of a link's conversation; a link; its two sockets
+----> gate        where new links wait before their upstream is dialled
"""
