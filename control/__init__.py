"""The daemon's API over HTTP, and its client.

    serve (an aiohttp server) -> api (the routes of /v1), metrics -> brownout.proxy
                                  asked, views, follower, replies
    client (http.client), which speaks to it                    holder: who has the port that we want

Importing this room imports none of them: a command that talks to the API pays for `client` alone.
"""
