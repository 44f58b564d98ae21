"""One client connection with its upstream connection, from accept to the last close.

link -> side                  a link; its two sockets
+---> gate                  where new links wait before their upstream is dialled
stand_in                      what takes the place of an upstream that is gone, while a fault answers for it
conversation_host             a link that is parsed, as its conversation sees it
request_copier                requests that are sent again, on connections of their own
"""
