"""The services that the shop asks, each a process of its own: `python -m shop.services gateway --port 9000`."""
