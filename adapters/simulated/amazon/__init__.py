"""Amazon as a connector sees it: Login with Amazon, Orders 2026-01-01, Reports 2021-06-30 and Sellers v1 over HTTP.

Written from Amazon's published models and from the notes on how the service behaves in life; it knows nothing of our
client. `stand_in` gives the application and the facts a client needs to talk to it.
"""

from adapters.simulated.amazon.web import stand_in

__all__ = ["stand_in"]
