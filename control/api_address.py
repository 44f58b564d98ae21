"""Where the API is. Apart from the client, which takes longer to import than a command that needs none."""

DEFAULT = "127.0.0.1:8474"
"""Where the API listens when nothing else is said."""
SCHEME = "toxiproxy://"
"""What stands before the address of a Toxiproxy where an API is asked for; a Brownout's has none."""
VARIABLE = "BROWNOUT_API"
"""The environment variable that says where the API is."""
