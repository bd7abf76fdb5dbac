"""Everything that can be refused, as one small tree.

ConnectorError
 ├─ BadInput               what was handed in cannot be used; says which part, what was expected, what to do
 │   ├─ UnreadableReport    a settlement document cannot be read at a line and column
 │   └─ UnknownFlow         no flow of that name
 ├─ Conflict               somebody else wrote to the stream first; decide again
 ├─ FlowBusy               another cycle of the flow runs, and who runs it
 ├─ LeaseLost              another process works on the flow now: this one writes nothing more and asks no vendor
 ├─ Stopped                asked to stop; what was done stays, the next cycle goes on from there
 ├─ Unbalanced             a document whose two sides differ was asked for; a bug of ours, never posted
 ├─ VendorError            a vendor could not or would not answer
 │   ├─ ConnectionLost      credentials are refused: a person must connect again
 │   ├─ NotOffered          the vendor does not offer this part to the account; the rest goes on without it
 │   ├─ Refused             what was sent is refused as a whole, and nothing of it was done
 │   ├─ OutcomeUnknown      a write may or may not have happened; replay it with the same ids
 │   └─ Throttled           the vendor asks to wait
 ├─ ChannelFailed          an alert could not be delivered; it is tried again later
 └─ Tampered               the stored history is not what was written
"""


class ConnectorError(Exception):
    """Something this service refuses or cannot do."""


class BadInput(ConnectorError):
    """What was handed in cannot be used."""


class UnreadableReport(BadInput):
    """A settlement document cannot be read; `line` counts from 1 with the heading, `column` is a name."""

    def __init__(self, message: str, *, line: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class UnknownFlow(BadInput):
    """No flow has that name."""


class Conflict(ConnectorError):
    """The stream has moved on since it was read: read it again and decide again."""


class FlowBusy(ConnectorError):
    """Another cycle of the flow runs already."""


class LeaseLost(ConnectorError):
    """The flow's lease is another's: nothing may be written any more, and no vendor asked."""


class Stopped(ConnectorError):
    """This process was asked to stop."""


class Unbalanced(ConnectorError):
    """A document whose two sides differ."""


class VendorError(ConnectorError):
    """A vendor could not or would not answer."""

    def __init__(self, message: str, *, vendor: str = "", code: str = "", request: str = "") -> None:
        super().__init__(message)
        self.vendor = vendor
        self.code = code
        self.request = request


class ConnectionLost(VendorError):
    """Credentials are refused; a person must connect again."""


class NotOffered(VendorError):
    """The vendor does not offer this part to the account."""


class Refused(VendorError):
    """What was sent is refused as a whole; nothing of it was done."""


class OutcomeUnknown(VendorError):
    """A write may or may not have happened."""


class Throttled(VendorError):
    """The vendor asks to wait longer than this call may."""


class ChannelFailed(ConnectorError):
    """An alert could not be delivered; it is tried again later."""


class Tampered(ConnectorError):
    """The stored history is not what was written."""
