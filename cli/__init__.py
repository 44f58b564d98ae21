"""The commands. Thin: they read words, call the API's client (or, in `run`, a fleet) and write what came of it.

main ── inject, profile, status, log, proxies          speak to a running Brownout
     ├─ run ── plan ── file, environment               what it was asked for; its configuration file
     │      └─ session ── child, signals, output       is one, from the first socket to the last
     │                 └─ live, news, reload, report   the table, the lines; the file read again; the report at the end
     ├─ toxiproxy ── toxiproxy_server, toxiproxy_log   is one with toxiproxy-server's flags
     ├─ catalogue, check                               need neither: the faults there are; whether a file is right
     └─ demo/                                          `brownout demo`

options and errors (what commands share), columns, figures, board and request_lines (how results look), complete (shell
completion)
"""
