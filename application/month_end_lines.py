"""The eighteen lines of the month-end checklist, in the order of accounting.md 6.4. Each looks at the facts alone."""

from collections.abc import Callable
from datetime import date, datetime

from application.month_end_facts import Facts, Line, Result, Row, count, gaps_in, moneys, summed
from application.newness import shares
from domain.reconciliation import IN_QUICKBOOKS_CODES, VARIANCES, days_between, is_overdue

Found = tuple[str, Result, str]
BAND_PERCENT = 25
MONTHS_NEEDED = 3


def _settlements(facts: Facts) -> Found:
    ended = facts.ended
    if not ended:
        return "none", "not_known", "no settlement that ended by then has been received"
    open_ = [row for row in ended if row["state"] not in ("posted", "carried", "card_charged", "zero")
             and row["state"] not in ("bank_matched", "reconciled")]  # fmt: skip
    open_ += [row for row in ended if row["difference"] and row not in open_]
    open_ += [row for row in facts.settlements if not row["end"]]  # nobody knows of which month it is
    holes = [hole for hole in gaps_in(facts.settlements) if hole[1] < facts.end]
    whole = sum(row not in open_ for row in ended)
    value = f"{whole:,} of {count(len(ended), 'settlement')} posted to the cent"
    if open_:
        names = ", ".join(f"{row['settlement_id']} ({row['state']})" for row in open_[:3])
        return value, "fail", f"not in the books: {names}{' and more' if len(open_) > 3 else ''}"
    if holes:
        currency, begin, end = holes[0]
        return value, "fail", f"no {currency} settlement covers {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    return value, "pass", "each adds up to Amazon's total, and their periods leave no gap"


def _straddling(facts: Facts) -> Found:
    if not facts.flow.policies.month_split:
        return "month_split is off", "not_applicable", "the flow books by deposit (cash basis)"
    over = [
        row
        for row in facts.settlements
        if row["start"] and row["end"]
        and datetime.fromisoformat(row["start"]) < facts.end < datetime.fromisoformat(row["end"])
    ]  # fmt: skip
    if over:
        missing = [row for row in over if row["settlement_id"] not in facts.tranches]
        value = f"{len(over) - len(missing)} of {count(len(over), 'straddling settlement')} split"
        if missing:
            names = ", ".join(row["settlement_id"] for row in missing[:3])
            return value, "fail", f"nothing of settlement {names} is booked within the month"
        return value, "pass", "each has its part of the month booked within the month"
    latest = max((datetime.fromisoformat(row["end"]) for row in facts.settlements if row["end"]), default=None)
    if latest is None:
        return "none", "not_known", "no settlement has been received yet"
    if latest >= facts.end:
        return "none straddles", "pass", "a settlement ends with the month"
    value = f"received up to {latest.date()}"
    return (
        value,
        "not_known",
        "the settlement that covers the month's end is not received, and no estimate is made of it",
    )


def _held(facts: Facts) -> Found:
    held, attention = facts.counts["held"], facts.counts["attention"]
    suspense = facts.balance("SUSP")
    value = f"{held:,} held, {attention:,} need attention, suspense {moneys(suspense)}"
    if held or attention or suspense or facts.gaps:
        codes = sorted({row["code"] for row in facts.held})
        gaps = f"{count(len(facts.gaps), 'missing mapping')}" if facts.gaps else ""
        return value, "fail", "; ".join(filter(None, [", ".join(codes[:5]), gaps])) or "suspense is not empty"
    return value, "pass", "nothing waits and nothing is parked"


def _invoiced(facts: Facts) -> Found:
    if not facts.flow.has_orders:
        return "settlement files only", "not_applicable", "the flow reads no orders"
    done = [row for row in facts.shipped if row["reconciliation"] not in ("seen", "ready", "held", "planned")]
    waiting = [row for row in facts.shipped if row not in done]
    total, left = sum(row["orders"] for row in facts.shipped), sum(row["orders"] for row in waiting)
    value = f"{total - left:,} of {count(total, 'shipped order')}, {moneys(summed(facts.shipped))}"
    if left:
        return value, "fail", f"{count(left, 'order')} of {moneys(summed(waiting))} shipped and not invoiced"
    if not total:
        return value, "pass", "no order shipped in the month, by Amazon's orders"
    return (
        value,
        "pass",
        "every order that shipped is invoiced, booked by its settlement, or not to be (by Amazon's orders)",
    )


def _clearing(facts: Facts) -> Found:
    ours = summed(facts.clearing, "balance")
    reasons: dict[str, int] = {}
    for row in facts.clearing:
        for part in row["explained"]:
            reasons[part["reason"]] = reasons.get(part["reason"], 0) + 1
    value = moneys(ours)
    named = ", ".join(f"{number} {VARIANCES[reason]}" for reason, number in sorted(reasons.items()))
    if facts.quickbooks is None:
        return (
            value,
            "not_known",
            "QuickBooks' own balance was not asked for; the command asks"
            + (f"; by our documents: {named}" if named else ""),
        )
    off = {code: told - ours.get(code, 0) for code, told in facts.quickbooks.items() if told != ours.get(code, 0)}
    if off:
        return value, "fail", f"QuickBooks has {moneys(off)} more than our documents explain: changed by hand there?"
    return value, "pass", f"equal to QuickBooks' own balance; {named or 'nothing is open'}"


def _reserve(facts: Facts) -> Found:
    """Amazon's word is the last Current Reserve Amount of each marketplace, in settlements booked by then."""
    booked = {row["settlement_id"] for row in facts.settlements if row["day"] and row["day"] <= str(facts.last)}
    amazon = {code: -amount for code, amount in summed(_last_of_each(facts, booked)).items()}
    ours = facts.balance("RSV")
    if not ours and not amazon:
        return "0", "not_applicable", "Amazon holds nothing back in the last six months"
    off = {
        code: ours.get(code, 0) - amazon.get(code, 0)
        for code in ours.keys() | amazon.keys()
        if ours.get(code, 0) != amazon.get(code, 0)
    }
    if off:
        return moneys(ours), "fail", f"Amazon's last settlements hold back {moneys(amazon)}"
    return moneys(ours), "pass", "equal to what Amazon's last settlements hold back"


def _last_of_each(facts: Facts, booked: set[str]) -> list[Row]:
    """The lines that hold back, of the last settlement of each currency and marketplace."""
    last = {(row["currency"], row["marketplace"]): row["settlement_id"] for row in facts.triples
            if row["settlement_id"] in booked}  # fmt: skip
    return [
        row
        for row in facts.triples
        if row["amount_description"] == "Current Reserve Amount"
        and last.get((row["currency"], row["marketplace"])) == row["settlement_id"]
    ]


def _receivables(facts: Facts) -> Found:
    open_ = [row for row in facts.receivable if row["since"] <= str(facts.last)]
    late = [
        row for row in open_ if row["amount"] > 0 and is_overdue(row["terms"], days_between(row["since"], facts.last))
    ]
    value = f"{count(len(open_), 'order')} open, {moneys(summed(open_))}"
    if late:
        return value, "fail", f"{count(len(late), 'order')} of {moneys(summed(late))} overdue: Amazon has not paid"
    return value, "pass", "none is older than Amazon needs to pay"


def _deferred(facts: Facts) -> Found:
    balance = facts.balance("DEF")
    if not facts.flow.policies.deferred_accrual:
        return "deferred_accrual is off", "not_applicable", "the flow accrues nothing"
    return moneys(balance), "not_known", "Amazon's deferred transactions are not compared with an accrual yet"


def _amazon_balance(facts: Facts) -> Found:
    ours: dict[str, int] = {}
    for name in ("AR", "CLR", "RSV", "DEF"):
        for currency, amount in facts.balance(name).items():
            ours[currency] = ours.get(currency, 0) + amount
    why = "Amazon's own balance at midnight is not read yet; compare with Seller Central, Payments, Statement view"
    return f"by the books Amazon owes {moneys(ours)}", "not_known", why


def _bank(facts: Facts) -> Found:
    banked = [row for row in facts.deposits if row["account"].startswith("BANK")]
    value = f"{count(len(banked), 'deposit')}, {moneys(summed(banked))}"
    return value, "not_known", "no bank statement is compared with the deposits yet"


def _bands(facts: Facts) -> Found:
    """Refunds and fees as a share of sales, against the lowest and highest of the six months before, by a quarter."""
    months: dict[tuple[str, str], list[Row]] = {}
    for row in facts.triples:
        local = facts.flow.day(datetime.fromisoformat(row["end"]))
        months.setdefault((row["currency"], f"{local:%Y-%m}"), []).append(row)
    now = f"{facts.first:%Y-%m}"
    values, outside, few = [], [], False
    for (currency, month), rows in months.items():
        if month != now or (share := _share(facts, rows)) is None:
            continue
        values.append(f"{currency}: refunds {share[0] / 100:.2f} %, fees {share[1] / 100:.2f} %")
        before = [_share(facts, others) for (code, other), others in months.items() if code == currency and other < now]
        known = [one for one in before if one is not None]
        if len(known) < MONTHS_NEEDED:
            few = True
            continue
        for place, name in enumerate(("refunds", "fees")):
            low, high = min(one[place] for one in known), max(one[place] for one in known)
            if not low * (100 - BAND_PERCENT) <= share[place] * 100 <= high * (100 + BAND_PERCENT):
                outside.append(f"{name} in {currency} were {low / 100:.2f} to {high / 100:.2f} %")
    value = "; ".join(values) or "no sales settled"
    if outside:
        return value, "fail", "; ".join(outside) + " in the months before: look for the cause"
    if few or not values:
        return value, "not_applicable", f"fewer than {MONTHS_NEEDED} earlier months with sales to compare with"
    return value, "pass", f"within a quarter of the range of the {len(known)} months before"


def _share(facts: Facts, rows: list[Row]) -> tuple[int, int] | None:
    """Refunds and fees in hundredths of a percent of sales; None without sales."""
    gross, fees = shares(rows, facts.mapping)
    if gross <= 0:
        return None
    back = -sum(row["amount"] for row in rows if facts.role(row)[0] in ("refund", "claim"))
    return back * 10_000 // gross, sum(fees.values()) * 10_000 // gross


def _tax(facts: Facts) -> Found:
    pairs: dict[str, int] = {}
    for row in facts.month_triples:
        if facts.is_tax(row):
            pairs[row["currency"]] = pairs.get(row["currency"], 0) + row["amount"]
    left = {code: amount for code, amount in pairs.items() if amount}
    own, gross = facts.balance("STX"), facts.balance("MFT")
    value = f"not withheld by Amazon {moneys(left)}, to remit {moneys({code: -sum_ for code, sum_ in own.items()})}"
    if gross:
        return value, "fail", f"tax that Amazon remits is not even: {moneys(gross)}"
    if own or left:
        return value, "not_known", "what you remit yourself is not split by state yet"
    if facts.flow.region == "eu":
        return value, "not_known", "Amazon's VAT report is not read yet (published about the 5th)"
    return value, "pass", "what Amazon collected it withheld, to the cent"


def _loan(facts: Facts) -> Found:
    balance = facts.balance("LOAN")
    moved = summed([row for row in facts.month_triples if facts.role(row)[0] == "loan"])
    if not balance and not moved:
        return "none", "not_applicable", "no loan of Amazon's in the ledger or in the month's settlements"
    owed = {code: -amount for code, amount in balance.items()}
    return f"owed {moneys(owed)}", "not_known", "Amazon's loan statement is not read: compare it and book its interest"


def _exchange(facts: Facts) -> Found:
    currencies = {currency for _, currency in facts.balances} | {row["currency"] for row in facts.ended}
    home = facts.flow.home_currency
    if currencies <= {home}:
        return home or "-", "not_applicable", "everything is in the company's home currency"
    if not home and len(currencies) == 1:
        return ", ".join(currencies), "not_known", "the company's home currency is not known; connect QuickBooks again"
    return ", ".join(sorted(currencies)), "not_known", "exchange gains and losses are QuickBooks' own and not read yet"


def _units(facts: Facts) -> Found:
    rows = facts.month_triples
    if not rows:
        return "none", "not_applicable", "no settlement ended in the month"
    sold = sum(row["units"] for row in rows if facts.role(row)[0] == "order_charge")
    back = sum(
        row["lines"] for row in rows if facts.role(row)[0] == "refund" and row["amount_description"] == "Principal"
    )
    lines = sum(row["lines"] for row in rows if facts.role(row)[0] == "reimbursement")
    value = f"{count(sold, 'unit')} sold, {count(back, 'refund')}, {count(lines, 'reimbursement')}"
    return value, "pass", "by the lines of the month's settlements; Amazon states no units of refunds, they are counted"


def _drift(facts: Facts) -> Found:
    other = [row for row in facts.held if row["code"] in IN_QUICKBOOKS_CODES]
    if other:
        what = ", ".join(f"{row['kind']} {row['key']}" for row in other[:3])
        return count(len(other), "document"), "fail", f"QuickBooks shows other than was sent: {what}"
    why = "documents are not read back from QuickBooks after they are posted, so a later change there is not seen"
    return "none seen when posting", "not_known", why


def _oracle(facts: Facts) -> Found:
    sums: dict[str, int] = {}
    for (_, currency), amount in facts.balances.items():
        sums[currency] = sums.get(currency, 0) + amount
    off = {code: amount for code, amount in sums.items() if amount}
    value = f"{count(len(facts.balances), 'account')}, off by {moneys(off)}"
    if off:
        return value, "fail", "debits and credits of the ledger differ"
    if facts.balance("UNKNOWN"):
        return value, "fail", f"{moneys(facts.balance('UNKNOWN'))} of documents found in QuickBooks have unknown lines"
    if facts.answers_differ is None:
        return value, "not_known", "not compared with QuickBooks' own answers; the command compares"
    if facts.answers_differ:
        return value, "fail", "QuickBooks' answers make other balances: " + "; ".join(facts.answers_differ[:3])
    return value, "pass", "the balances counted from QuickBooks' own answers are the same to the cent"


def _locked(facts: Facts) -> Found:
    closed: list[date] = [day for day in (facts.flow.policies.lock_date, facts.flow.book_close_date)
                          if day is not None]  # fmt: skip
    until = max(closed, default=None)
    value = f"closed until {until}" if until else "no lock date"
    if until is None or until < facts.last:
        return value, "fail", f"set the lock date to {facts.last}: nothing may be dated in the month any more"
    if not facts.packet:
        return value, "not_known", "no close packet was made in this run; --packet FILE.zip makes one"
    return value, "pass", f"close packet {facts.packet[:16]}"


_TITLES: tuple[tuple[str, Callable[[Facts], Found], str, str], ...] = (
    ("Settlements received, adding up and posted, without a gap", _settlements, "settlements FLOW", "settlements"),
    ("Settlement over the month's end split or estimated", _straddling, "settlements FLOW", "settlements"),
    ("Nothing held, suspense empty", _held, "held FLOW", "held"),
    ("Every order shipped in the month invoiced", _invoiced, "orders FLOW --state ready", "orders"),
    ("Clearing explained, and equal to QuickBooks", _clearing, "close FLOW --month MONTH", "ageing?of=clearing"),
    ("Reserve equal to Amazon's", _reserve, "ageing FLOW --of reserve", "ageing?of=reserve"),
    ("Receivables reviewed by age", _receivables, "ageing FLOW --of receivable", "ageing?of=receivable"),
    ("Deferred sales accrued, the last accrual reversed", _deferred, "trial-balance FLOW --at DATE", "trial-balance"),
    ("Books equal to Amazon's balance at midnight", _amazon_balance, "trial-balance FLOW --at DATE", "trial-balance"),
    ("Deposits equal to the bank statement", _bank, "settlements FLOW", "settlements"),
    ("Refunds and fees within their band", _bands, "settlements FLOW", "settlements"),
    ("Sales tax and VAT", _tax, "trial-balance FLOW --at DATE", "trial-balance"),
    ("Loan equal to Amazon's statement", _loan, "trial-balance FLOW --at DATE", "trial-balance"),
    ("Exchange gain and loss explained", _exchange, "trial-balance FLOW --at DATE", "trial-balance"),
    ("Units for cost of goods sold", _units, "settlements FLOW", "settlements"),
    ("No document changed in QuickBooks", _drift, "held FLOW", "held"),
    ("Trial balance zero, and counted twice", _oracle, "close FLOW --month MONTH --packet FILE.zip", "trial-balance"),
    ("Lock date set, close packet stored", _locked, "close FLOW --month MONTH --packet FILE.zip", ""),
)


def _line(number: int, title: str, find: Callable[[Facts], Found], command: str, page: str) -> Callable[[Facts], Line]:
    def check(facts: Facts) -> Line:
        value, result, why = find(facts)
        told = command.replace("FLOW", facts.flow.name).replace("DATE", str(facts.last))
        told = told.replace("MONTH", f"{facts.first:%Y-%m}")
        place, _, query = page.partition("?")
        if place == "trial-balance":
            query = f"at={facts.last}"
        return Line(number, title, value, result, why, f"ml-connector {told}", facts.path(place, query and f"?{query}"))

    return check


ALL: tuple[Callable[[Facts], Line], ...] = tuple(_line(number, *parts) for number, parts in enumerate(_TITLES, start=1))
