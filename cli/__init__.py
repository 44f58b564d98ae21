"""The commands. Thin: they read words, call the API's client (or, in `run`, a fleet) and write what came of it.

main ── inject, profile, status, proxies, catalogue     speak to a running Brownout
     └─ run ── plan, session, child, live, news         are one
               file, reload, report                     its file, read again; what it writes when it ends

options (what commands share), columns, figures and board (how results look), complete (shell completion)
"""
