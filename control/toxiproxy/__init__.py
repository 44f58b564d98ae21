"""Toxiproxy, both ways round: its API over our fleet, and a real one elsewhere, driven in our words.

    api ── request_params, words      its REST API: what is asked for, what is answered
        └─ proxies                    what is done with the proxies
        └─ gohttp, gojson, golisten   as Go reads and writes it
    metrics                           its metrics
    client ── consumer                drives a real one; `Client` of the room above does the same with a Brownout
           └─ entries, translation    what it tells, and our injections in its words

toxics: what a toxic is, and which of our faults does the same
"""

VERSION = "2.12.0"
"""The release of Toxiproxy that is spoken: clients choose their calls by it."""
