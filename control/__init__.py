"""The daemon's API over HTTP, and its client.

    serve (an aiohttp server) -> api (the routes of /v1), metrics -> brownout.proxy
                                  request_params, views, follower, replies
                              -> guard: who may use it; holder: who has the port that we want
    client (http.client), which speaks to it; bearer: the token of both; api_address: where it is
    toxiproxy/: Toxiproxy's API beside ours, and the client of a Toxiproxy elsewhere
    client_at: the client for an address, one of the two

Importing this room imports none of them: a command that talks to the API pays for `client` alone.
"""
