"""What is said on one link, request by request, and what becomes of it.

conversation -> request_handler -> reply_handler      both streams, read and judged
|              |                  |
|              +--> plan, rules <-+              what the armed faults make of an exchange
+--> message_queues -> message_queue             messages in order, each in its slot
host: the seam to the link      exchange: a request with its reply
"""
