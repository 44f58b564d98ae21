"""brownout demo faults: real servers made slow, broken and absent, and what real clients felt.

story.py holds the steps as data and clients.py the three clients; shell.py runs what a user would type, service.py is
the HTTP service, judgement.py compares what was measured with what was injected, page.py prints, play.py plays.
"""
