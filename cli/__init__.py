"""The commands. Thin: they read words, call the API's client (or, in `run`, a fleet) and write what came of it.

main ── inject, status, proxies, catalogue        speak to a running Brownout
     └─ run ── plan, session, child, live, news   are one

options (what commands share), columns, figures and receipts (how results look), complete (shell completion)
"""
