"""Faults of streams, in virtual time: what an injection does to the bytes that pass.

pipe -> lane -> injection        a stream's faults in a row; one of them; what was placed on the proxy
+---> budget                   how much may wait
"""
