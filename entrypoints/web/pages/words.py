"""What statuses, reasons and people are called on the pages. Colour is never the only sign: each state has its word."""

from typing import Any

from domain.bank_coverage import Joint
from domain.money import format_minor
from domain.reconciliation import VARIANCES

# status of a settlement -> (word, tone). Tones: ok, wait, bad, calm.
SETTLEMENTS = {
    "posted": ("Ties", "ok"),
    "differs": ("Differs", "bad"),
    "held": ("Held", "wait"),
    "disputed": ("Disputed", "bad"),
    "planned": ("Ready to post", "calm"),
    "posting": ("Being posted", "calm"),
    "received": ("Read", "calm"),
    "before_start": ("Before the flow's first day", "calm"),
}

ORDERS = {
    "seen": ("Not shipped yet", "calm"),
    "ready": ("Shipped", "calm"),
    "held": ("Held", "wait"),
    "planned": ("Ready to post", "calm"),
    "invoiced": ("Invoiced, not paid yet", "calm"),
    "part_settled": ("Partly paid", "wait"),
    "settled": ("Paid in full", "ok"),
    "cancelled": ("Cancelled", "calm"),
    "no_post": ("Nothing to book", "calm"),
    "recognised": ("Booked with its settlement", "ok"),
}

# Statuses of accounting.md 6.1.
ORDER_STATES = {
    "seen": ("Not shipped yet", "calm"),
    "ready": ("Shipped, to be invoiced", "calm"),
    "held:mapping": ("Held: mapping", "wait"),
    "held:period": ("Held: closed month", "wait"),
    "held:review": ("Held: needs a person", "wait"),
    "invoiced": ("Invoiced, not paid yet", "calm"),
    "overdue": ("Overdue: Amazon has not paid", "bad"),
    "part_settled": ("Partly paid", "wait"),
    "settled": ("Paid in full", "ok"),
    "part_refunded": ("Partly refunded", "calm"),
    "refunded": ("Refunded", "calm"),
    "closed": ("Closed", "ok"),
    "variance": ("Variance", "bad"),
    "cancelled": ("Cancelled", "calm"),
    "voided": ("Invoice voided", "calm"),
    "no_post:mcf": ("Not an Amazon sale", "calm"),
    "no_post:replacement": ("Replacement or free", "calm"),
    "historical": ("Before the first day", "calm"),
}

SETTLEMENT_STATES = {
    "open": ("Open", "calm"),
    "received": ("Read", "calm"),
    "checksum_ok": ("Adds up", "calm"),
    "checksum_failed": ("Does not add up", "bad"),
    "reissued": ("Came again otherwise", "bad"),
    "held:mapping": ("Held: mapping", "wait"),
    "held:order": ("Held: an order", "wait"),
    "held:period": ("Held: closed month", "wait"),
    "held:review": ("Held: needs a person", "wait"),
    "fx_pending": ("Held: currency", "wait"),
    "planned": ("Ready to post", "calm"),
    "approved": ("Approved", "calm"),
    "posting": ("Being posted", "calm"),
    "posted": ("Ties", "ok"),
    "bank_matched": ("Found at the bank", "ok"),
    "reconciled": ("Reconciled", "ok"),
    "carried": ("Negative, carried on", "wait"),
    "card_charged": ("Charged to the card", "calm"),
    "zero": ("Nothing paid out", "calm"),
    "transfer_failed": ("Transfer failed", "bad"),
    "historical": ("Before the first day", "calm"),
}

CHECKS = {
    "pass": ("In order", "ok"),
    "fail": ("Not in order", "bad"),
    "not_known": ("Not known", "wait"),
    "not_applicable": ("Does not apply", "calm"),
}

POSTINGS = {
    "held": ("Held", "wait"),
    "planned": ("Ready to post", "calm"),
    "submitted": ("Sent, answer not known", "wait"),
    "posted": ("In QuickBooks", "ok"),
    "rejected": ("Refused by QuickBooks", "bad"),
    "withdrawn": ("Withdrawn", "calm"),
}

CYCLES = {
    "running": ("Running", "calm"),
    "finished": ("Finished", "ok"),
    "failed": ("Stopped by an error", "bad"),
    "stopped": ("Ended early", "wait"),
}

CONNECTIONS = {"connected": ("Connected", "ok"), "lost": ("Connect again", "bad"), "new": ("Not connected", "wait")}

# Of the control: what is compared, and how it came out.
CONTROLS = {
    "lines": "Lines against stated total",
    "summary": "Amazon's summary",
    "payout": "Payout",
    "event_group": "Event group",
    "reserve": "Reserve carried over",
    "period": "Period follows the last",
}
CHECK_STATES = {
    "agrees": ("Agrees", "ok"),
    "differs": ("Differs", "bad"),
    "missing": ("Not stated yet", "calm"),
    "unavailable": ("Not offered", "calm"),
    "first": ("The first one", "calm"),
    "unsure": ("Not sure", "wait"),
}

FINDINGS = {"ok": ("In order", "ok"), "warning": ("Look at it", "wait"), "error": ("Not in order", "bad")}

DOCUMENTS = {"invoice": "Invoice", "payment": "Payment", "deposit": "Deposit"}

# code of a reason -> its title.
REASONS = {
    "unmapped": "Nothing says where this goes",
    "currency_without_bank": "No bank account for this currency",
    "order_not_seen": "A paid order was never seen at Amazon",
    "order_not_invoiced": "A paid order has no invoice yet",
    "invoice_refused": "QuickBooks refused an invoice that is paid",
    "refused_by_quickbooks": "QuickBooks refused the document",
    "paid_before_invoiced": "Paid before the day of its invoice",
    "settled_differs": "Paid another amount than invoiced",
    "currency_differs": "Paid in another currency than invoiced",
    "order_charge_negative": "An order is charged instead of paid",
    "not_an_amazon_order": "Sales without an Amazon order",
    "amended_after_invoicing": "Amazon changed an order after its invoice",
    "amended_after_settling": "Amazon changed an order after it was paid",
    "cancelled_after_invoicing": "An invoiced order was cancelled",
    "balance_moved": "An earlier balance is settled here",
    "needs_journal": "Needs a journal entry",
    "tax_remainder": "Tax that Amazon did not withhold",
    "tax_owed_by_seller": "Tax that you owe yourself",
    "total_not_positive": "No money is paid out",
    "no_deposit_date": "The settlement names no day",
    "disputed": "Amazon's figures do not add up",
    "incomplete": "Not all lines are read yet",
    "unreadable": "A report cannot be read",
    "partly_shipped": "Only part of it has shipped",
    "proceeds_unclear": "Amazon's amounts do not add up",
    "posted_otherwise": "Booked in another way before",
    "total_differs": "QuickBooks shows another total",
    "found_otherwise": "Something like it stands in QuickBooks already",
    "dated_otherwise": "An invoice bears another day than Amazon now says",
    "unreadable_order": "An order cannot be read",
}

# code of a reason -> what frees it.
FREED_BY = {
    "currency_without_bank": "Name the account that receives these payouts.",
    "order_not_seen": "Usually frees itself: the next cycle asks Amazon for the order again.",
    "order_not_invoiced": "Frees itself once the order's invoice is posted; see what holds that invoice.",
    "invoice_refused": "Mend what QuickBooks objects to, then send it again.",
    "refused_by_quickbooks": "Mend what QuickBooks objects to, then send it again.",
    "disputed": "Download the report again, or open a case with Amazon's Seller Support.",
    "incomplete": "Frees itself with the next cycle.",
    "unreadable": "Download the report again, or open a case with Amazon's Seller Support.",
    "unreadable_order": "Frees itself when Amazon reports the order anew.",
    "found_otherwise": "A person says whether it is the same: adopt it, or release what waits.",
    "partly_shipped": "Frees itself when the rest ships or is cancelled.",
    "balance_moved": "Needs the journal entry of the earlier balance; nothing is booked until a person made it.",
    "total_not_positive": "No deposit is made of it: Amazon settles it with the next payout or charges the card.",
}
NEEDS_A_PERSON = "Needs a decision of a person: see the documents for the figures."

STEPS = {
    "orders": "orders read",
    "settlement_reports": "settlement reports read",
    "invoice": "invoices posted",
    "payment": "payments posted",
    "deposit": "deposits posted",
}

COUNTS = {
    "orders_new": "new orders",
    "orders_changed": "changed orders",
    "settlements_new": "new settlements",
    "settlements_changed": "changed settlements",
    "invoices_posted": "invoices posted",
    "payments_posted": "payments posted",
    "deposits_posted": "deposits posted",
    "bank_matched": "bank lines matched",
    "rejected": "refused by QuickBooks",
    "unknown": "calls without an answer yet",
}

REGIONS = {"na": "North America", "eu": "Europe", "fe": "Far East"}


def word(table: dict[str, tuple[str, str]], status: str) -> tuple[str, str]:
    """The word and tone of a status; one that is not known is shown as it is."""
    return table.get(status, (status.replace("_", " ").capitalize(), "calm"))


def settlement(row: dict[str, Any]) -> tuple[str, str]:
    """A posted settlement ties only without a difference."""
    if row["status"] == "posted" and row["difference"]:
        return SETTLEMENTS["differs"]
    return word(SETTLEMENT_STATES, str(row["state"]))


def variance(reason: str) -> str:
    """Why an amount is open on clearing."""
    return VARIANCES.get(reason, reason.replace("_", " "))


def bank_line(row: dict[str, Any]) -> tuple[str, str]:
    """How a line of the bank stands."""
    if row["status"] == "matched":
        return ("Matched", "ok") if row["match_kind"] != "returned" else ("Went back", "calm")
    if row["status"] == "open" and row["amount"] < 0:
        return "No payout", "calm"
    words = {"open": ("Open", "wait"), "twin": ("May repeat another line", "calm"), "aside": ("Set aside", "calm")}
    return word(words, row["status"])


def joint(found: Joint, currency: str) -> tuple[str, str]:
    """How a statement joins the one before it."""
    match found.state:
        case "gap" if found.missing:
            return f"{format_minor(found.missing, currency)} {currency} between them", "bad"
        case "gap":
            return f"Days are missing since {found.since}", "wait"
        case "first":
            return "The first", "calm"
        case "unknown":
            return "By its days", "calm"
    return "Yes", "ok"


def reason(code: str) -> str:
    return REASONS.get(code, code.replace("_", " ").capitalize())


def document(kind: str) -> str:
    return DOCUMENTS.get(kind, kind.replace("_", " ").capitalize())


def steps(progress: dict[str, int]) -> list[tuple[int, str]]:
    """A running cycle's progress, in the order it works in."""
    order = [*STEPS, *sorted(progress.keys() - STEPS.keys())]
    return [(progress[name], STEPS.get(name, name.replace("_", " "))) for name in order if progress.get(name)]


def counts(told: dict[str, int]) -> list[tuple[int, str]]:
    """What a cycle did; nothing where nothing was to do."""
    return [(told[name], COUNTS.get(name, name.replace("_", " "))) for name in told if told[name]]


def person(by: str) -> tuple[str, str]:
    """Who did it, and how: `api:month-end` is token month-end."""
    kind, _, name = by.partition(":")
    match kind:
        case "cycle":
            return "Cycle", f"cycle {name}"
        case "api":
            return name, f"with API token {name}"
        case "cli":
            return name or "Command line", f"on the command line as {name}" if name else "on the command line"
    return by, ""
