"""brownout demo: what failures do, on real servers.

shop/ is `brownout demo`: a shop in two builds, and which of them survives what. faults/ is `brownout demo faults`: what
each fault does to a client, measured. command.py reads the words.
"""
