"""The half of `brownout verify` that lives in the user's pytest: it runs single tests in forks, as it is told.

    agent -> fork, journey, coroutines -> entries, traces, taken_back -> channel

The plugin loads it only where the environment says that a `verify` is waiting (`channel.VARIABLE`).
"""
