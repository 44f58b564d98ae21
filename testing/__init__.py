"""What tests stand on: real servers for them to talk to (`brownout.testing.servers`).

The pytest plugin is imported in every pytest run of every user, and this file on its way there: it imports nothing.
"""
