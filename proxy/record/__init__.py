"""What happened: events, requests, counters."""
