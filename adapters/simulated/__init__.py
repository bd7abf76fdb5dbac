"""Stand-ins for Amazon and QuickBooks that speak the vendors' own HTTP.

Written from the vendors' published contracts, never from our clients: nothing here imports the domain, the
application or another adapter, so a mistake of ours cannot be confirmed by a mistake of the same hand.
"""
