"""A shop in two builds: one with the usual mistakes, and one that survives what its dependencies do.

```text
fragile/, graceful/   the API, twice, with the same file names: `diff -r fragile graceful` is the tutorial
web.py                what both have in common: routes and settings; `python -m shop` serves a build
services/             the token service, the payment gateway and the notification service, a process each
outside.py            starts these, a Redis and a Postgres, as they would run without the API
```
"""
