"""The parameters that many routes share, with their words in the documentation."""

from typing import Annotated

from litestar.params import HeaderParameter, PathParameter, QueryParameter
from msgspec import Meta

from entrypoints.web.paging import LARGEST_PAGE

FlowName = Annotated[str, PathParameter(description="The flow's name.")]
Kind = Annotated[str, PathParameter(description="invoice, payment, deposit, ...: the posting's kind.")]
Key = Annotated[str, PathParameter(description="The posting's key, as the lists have it.")]
SettlementId = Annotated[str, PathParameter(description="Amazon's settlement id.")]
OrderId = Annotated[str, PathParameter(description="Amazon's order id.")]

AsOf = Annotated[
    str | None,
    QueryParameter(
        description="As it stood then: a time (ISO 8601; UTC if it names no zone) or a position of the log."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=LARGEST_PAGE, description="At most so many.")]
Cursor = Annotated[
    str | None, QueryParameter(description="The `next` of the page before; the filters must be the same.")
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="A new one for each command: repeated with the same key and body it answers the same and is not "
        "done twice. Kept for seven days.",
    ),
]


def text_filter(description: str) -> QueryParameter:
    return QueryParameter(description=description)


# What people write: one line, no control characters (PostgreSQL's text takes no NUL).
PRINTABLE = r"^[^\u0000-\u001F\u007F]+$"
Text = Annotated[str, Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Word = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
