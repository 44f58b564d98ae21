"""The daemon's API over HTTP, and its client.

    serve (an aiohttp server) -> api (the routes of /v1), metrics -> brownout.proxy
                                  asked, views, follower, replies; guard: who may use it
    client (http.client), which speaks to it                    holder: who has the port that we want
    toxiproxy/: Toxiproxy's API beside ours, and the client of a Toxiproxy elsewhere; clients: which of the two clients

Importing this room imports none of them: a command that talks to the API pays for `client` alone.
"""
