"""Whether a client took failures gracefully: rules that read what it did, and say what they found with evidence.

    finding     what a rule found, and how strictly it is meant
    operation   what a client did for one purpose: its attempts, what each met, and all of it in a line of text
    retries     the rules for one operation: how often, after which pause, after which failure it tried again
    crowd       the rules for many operations: how they compare, and what they add up to
    breaker     the rule for a circuit breaker
    recovery    the rules for the time after healing, and for connections that are of no use any more
    verdict     all rules over what clients did on one proxy

Nothing here reads a clock or a socket. A rule that cannot know says nothing.
"""
