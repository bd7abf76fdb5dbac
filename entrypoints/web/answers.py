"""What the API answers, made from the rows of the views: amounts as decimal strings in the `currency` beside them,
times ISO 8601 in UTC, days ISO dates, names in camelCase.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from application.access import TokenFacts
from application.alerts import ChannelHealth
from application.diagnosis import Finding, worst
from application.ports import StandingAlert
from domain.access import Holder
from domain.flow import Flow, Schedule
from domain.mapping import Mapping, QuickBooksRef, Rule, default_rules
from domain.money import format_minor
from domain.policy import policy_words

Row = dict[str, Any]
T = TypeVar("T")


class _Answer(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Names as JSON has them."""


class Page(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """Some of a list; `next` is the `cursor` of the following page, null on the last. `position` is the views'."""

    items: list[T]
    next: str | None
    position: int


class Done(_Answer, frozen=True):
    """A command is recorded; readers who send `after=position` see it. `changed` false: all was so already."""

    position: int
    changed: bool


# --- flows -------------------------------------------------------------------------------------------------------


class ScheduleFacts(_Answer, frozen=True):
    """When a source is due: every so many minutes (0: not so) or by a cron expression in a time zone."""

    every_minutes: int
    cron: str
    zone: str


class FlowFacts(_Answer, frozen=True):
    """A flow as it is configured."""

    flow: str
    region: str
    realm: str
    company: str
    home_currency: str
    marketplaces: list[str]
    since: date | None
    orders: str
    zone: str
    banks: dict[str, str]
    schedule: dict[str, ScheduleFacts]
    paused: bool
    amazon_connected: bool
    quickbooks_connected: bool
    seller: str
    policies: dict[str, str]


class ConsentAddress(_Answer, frozen=True):
    """An address to open in a browser, once, before it expires; whoever opens it connects the flow."""

    address: str
    expires: datetime


class Flows(_Answer, frozen=True):
    """The flows the token may see."""

    items: list[FlowFacts]


def flow_facts(flow: Flow) -> FlowFacts:
    return FlowFacts(
        flow=flow.name,
        region=flow.region,
        realm=flow.realm,
        company=flow.company,
        home_currency=flow.home_currency,
        marketplaces=list(flow.marketplaces),
        since=flow.since,
        orders=flow.orders,
        zone=flow.zone,
        banks=flow.banks,
        schedule={source: schedule_facts(schedule) for source, schedule in flow.schedule.items()},
        paused=flow.paused,
        amazon_connected=flow.amazon,
        quickbooks_connected=flow.quickbooks,
        seller=flow.seller,
        policies=policy_words(flow.policies),
    )


def schedule_facts(schedule: Schedule) -> ScheduleFacts:
    return ScheduleFacts(schedule.every_minutes, schedule.cron, schedule.zone)


# --- reconciliation ----------------------------------------------------------------------------------------------


class SettlementFacts(_Answer, frozen=True):
    """A settlement: what Amazon says it paid, what was deposited, and the difference (null until posted).

    `status` is disputed, received, held, planned, posting or posted; `state` says it as a bookkeeper does
    (docs/accounting.md). `day` is the deposit's in the books' zone. `bankStatus` is bank_matched, reconciled (Amazon,
    QuickBooks and the bank agree) or transfer_failed.
    """

    settlement_id: str
    status: str
    currency: str
    total: str | None
    deposited: str | None
    difference: str | None
    day: str | None
    start: str | None
    end: str | None
    deposit_date: str | None
    lines: int | None
    marketplace: str
    quickbooks_id: str | None
    payments_posted: str | None
    received_at: str
    reasons: list[str]
    state: str
    bank_status: str | None = None
    bank_day: str | None = None
    bank_reference: str | None = None
    bank_difference: str | None = None


def settlement_facts(row: Row) -> SettlementFacts:
    currency = row["currency"]
    return SettlementFacts(
        settlement_id=row["settlement_id"],
        status=row["status"],
        currency=currency,
        total=amount(row["total"], currency),
        deposited=amount(row["deposit_total"], currency),
        difference=amount(row["difference"], currency),
        day=row["day"],
        start=row["start"],
        end=row["end"],
        deposit_date=row["deposit_date"],
        lines=row["lines"],
        marketplace=row["marketplace"],
        quickbooks_id=row["quickbooks_id"] or None,
        payments_posted=amount(row["payments_posted"], currency),
        received_at=row["received_at"],
        reasons=row["reasons"],
        bank_status=row["bank_status"] or None,
        bank_day=row["bank_day"],
        bank_reference=row["bank_reference"] or None,
        bank_difference=amount(row["bank_difference"], currency),
        state=row["state"],
    )


class OrderFacts(_Answer, frozen=True):
    """An order. `status` is Amazon's word, `reconciliation` ours: seen, ready, held, planned, invoiced, part_settled,
    settled, cancelled, no_post or recognised; `state` says it as a bookkeeper does on the day looked at
    (docs/accounting.md). `settled` is what `settlements` paid, by settlement id, `refunded` what they gave back.
    """

    order_id: str
    status: str
    reconciliation: str
    marketplace: str
    currency: str
    total: str | None
    created: str
    updated: str
    shipped: str | None
    item_count: int
    invoice_status: str | None
    invoice_total: str | None
    settled: str | None
    settlements: dict[str, str]
    recognised_by: str | None
    silent: str | None
    state: str
    refunded: str | None


def order_facts(row: Row) -> OrderFacts:
    currency = row["currency"]
    return OrderFacts(
        order_id=row["order_id"],
        status=row["status"],
        reconciliation=row["reconciliation"],
        marketplace=row["marketplace"],
        currency=currency,
        total=amount(row["total"], currency),
        created=row["created"],
        updated=row["updated"],
        shipped=row["shipped"],
        item_count=row["item_count"],
        invoice_status=row["invoice_status"] or None,
        invoice_total=amount(row["invoice_total"], currency),
        settled=amount(row["settled"], currency),
        settlements={key: amount(paid, currency) or "0" for key, paid in row["settlements"].items()},
        recognised_by=row["recognised_by"] or None,
        silent=row["silent"] or None,
        state=row["state"],
        refunded=amount(int(row["refunded"]), currency),
    )


class ClearingPart(_Answer, frozen=True):
    """What one settlement (or an order that none has yet) leaves open on the clearing account, and why."""

    settlement_id: str
    status: str
    payments: str
    cleared: str
    amount: str
    order_id: str | None
    reason: str


class ClearingFacts(_Answer, frozen=True):
    """The clearing account of a currency by our own documents: the parts explain the balance."""

    currency: str
    payments: str
    cleared: str
    balance: str
    explained: list[ClearingPart]
    unexplained: str


class Clearing(_Answer, frozen=True):
    """The proof of every currency's clearing account, as of a position of the log."""

    position: int
    items: list[ClearingFacts]


def clearing_facts(row: Row) -> ClearingFacts:
    currency = row["currency"]
    parts = row["explained"]
    return ClearingFacts(
        currency=currency,
        payments=money(row["payments"], currency),
        cleared=money(row["cleared"], currency),
        balance=money(row["balance"], currency),
        explained=[
            ClearingPart(
                part["settlement_id"],
                part["status"],
                money(part["payments"], currency),
                money(part["cleared"], currency),
                money(part["amount"], currency),
                part["order_id"] or None,
                part["reason"],
            )
            for part in parts
        ],
        unexplained=money(row["balance"] - sum(part["amount"] for part in parts), currency),
    )


class Counts(_Answer, frozen=True):
    """How many there are: postings that stand, are planned, are held; and reasons on what stands already."""

    orders: int
    settlements: int
    invoices: int
    payments: int
    deposits: int
    journals: int
    credit_memos: int
    refund_receipts: int
    sales_receipts: int
    purchases: int
    planned: int
    held: int
    attention: int
    gaps: int


class Status(_Answer, frozen=True):
    """Does everything tie? `settlements` are the newest 50."""

    flow: str
    position: int
    ties: bool
    counts: Counts
    clearing: list[ClearingFacts]
    settlements: list[SettlementFacts]
    last_cycle: "CycleFacts | None"


# --- held --------------------------------------------------------------------------------------------------------


class HeldFacts(_Answer, frozen=True):
    """A reason why something is not posted, or needs a person; `waitsFor` is what frees it."""

    kind: str
    key: str
    status: str
    code: str
    text: str
    amount: str | None
    currency: str
    waits_for: str | None
    since: str
    order_id: str | None
    settlement_id: str | None


def held_facts(row: Row) -> HeldFacts:
    return HeldFacts(
        kind=row["kind"],
        key=row["key"],
        status=row["status"],
        code=row["code"],
        text=row["text"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        waits_for=row["waits_for"] or None,
        since=row["since"],
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
    )


class HeldGroup(_Answer, frozen=True):
    """Held work by reason (and by the mapping key that is missing): how many documents, how much money."""

    code: str
    waits_for: str | None
    documents: int
    amount: str | None
    currency: str
    since: str
    text: str


class HeldGroups(_Answer, frozen=True):
    """The groups, the most documents first."""

    position: int
    items: list[HeldGroup]


def held_group(row: Row) -> HeldGroup:
    return HeldGroup(
        code=row["code"],
        waits_for=row["waits_for"] or None,
        documents=row["documents"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        since=row["since"],
        text=row["text"],
    )


# --- postings ----------------------------------------------------------------------------------------------------


class PostingFacts(_Answer, frozen=True):
    """A QuickBooks document: kind is invoice, payment, deposit, ...; status held, planned, submitted, posted, rejected
    or withdrawn. `needs` are postings (kind/key) that go first.
    """

    kind: str
    key: str
    status: str
    amount: str | None
    currency: str
    day: str | None
    generation: int
    quickbooks_id: str | None
    order_id: str | None
    settlement_id: str | None
    planned_at: str | None
    posted_at: str | None
    held_since: str | None
    position: int
    needs: list[str]


def posting_facts(row: Row) -> PostingFacts:
    return PostingFacts(
        kind=row["kind"],
        key=row["key"],
        status=row["status"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        day=row["day"],
        generation=row["generation"],
        quickbooks_id=row["quickbooks_id"] or None,
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
        planned_at=row["planned_at"],
        posted_at=row["posted_at"],
        held_since=row["held_since"],
        position=row["position"],
        needs=row["needs"],
    )


# --- history -----------------------------------------------------------------------------------------------------


class EventFacts(_Answer, frozen=True):
    """An event of the audit trail in words."""

    position: int
    at: str
    by: str
    name: str
    summary: str
    order_id: str | None
    settlement_id: str | None
    posting: str | None
    cause: str | None


def event_facts(row: Row) -> EventFacts:
    return EventFacts(
        position=row["position"],
        at=row["at"],
        by=row["by"],
        name=row["name"],
        summary=row["summary"],
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
        posting=row["posting"] or None,
        cause=row["cause"] or None,
    )


class CycleFacts(_Answer, frozen=True):
    """A cycle: running, finished or failed, and what it did."""

    cycle: str
    status: str
    started: str
    finished: str | None
    error: str | None
    counts: dict[str, int]


def cycle_facts(row: Row) -> CycleFacts:
    return CycleFacts(
        cycle=row["cycle"],
        status=row["status"],
        started=row["started"],
        finished=row["finished"],
        error=row["error"] or None,
        counts=row["counts"],
    )


# --- mapping -----------------------------------------------------------------------------------------------------


class RuleFacts(_Answer, frozen=True):
    """Where a triple goes; `origin` is flow or default, and the flow's own rules come first."""

    transaction_type: str
    amount_type: str
    amount_description: str
    role: str
    account: str
    origin: str


class RefFacts(_Answer, frozen=True):
    """Something of QuickBooks."""

    id: str
    name: str


class GapFacts(_Answer, frozen=True):
    """A mapping key that is missing, what needed it first, and the money at stake then."""

    key: str
    first_object: str
    amount: str | None
    currency: str
    since: str


class MappingFacts(_Answer, frozen=True):
    """The flow's mapping: rules from Amazon's triples to account keys, and keys to QuickBooks' own ids."""

    flow: str
    version: int
    rules: list[RuleFacts]
    accounts: dict[str, RefFacts]
    items: dict[str, RefFacts]
    customers: dict[str, RefFacts]
    banks: dict[str, RefFacts]
    missing: list[GapFacts]


def mapping_facts(flow: str, mapping: Mapping, gaps: Sequence[Row]) -> MappingFacts:
    return MappingFacts(
        flow=flow,
        version=mapping.version,
        rules=[_rule(rule, "flow") for rule in mapping.own_rules]
        + [_rule(rule, "default") for rule in default_rules()],
        accounts=_refs(mapping.accounts),
        items=_refs(mapping.items),
        customers=_refs(mapping.customers),
        banks=_refs(mapping.banks),
        missing=[
            GapFacts(
                row["missing_key"],
                row["first_object"],
                amount(row["amount"], row["currency"]),
                row["currency"],
                row["since"],
            )
            for row in gaps
        ],
    )


def _rule(rule: Rule, origin: str) -> RuleFacts:
    return RuleFacts(*rule.triple, rule.role, rule.account, origin)


def _refs(refs: dict[str, QuickBooksRef]) -> dict[str, RefFacts]:
    return {key: RefFacts(ref.id, ref.name) for key, ref in refs.items()}


# --- alerts ------------------------------------------------------------------------------------------------------


class Money(_Answer, frozen=True):
    """An amount in a currency."""

    amount: str
    currency: str


class AlertFacts(_Answer, frozen=True):
    """A trouble that somebody was told of. `path` is its page here; `cleared` is null while it stands."""

    id: str
    object: str
    problem: str
    money: list[Money]
    cause: str
    what_to_do: str
    path: str
    raised: str
    cleared: str | None


class AlertList(_Answer, frozen=True):
    """Those that stand first, the newest first."""

    items: list[AlertFacts]


class ChannelFacts(_Answer, frozen=True):
    """A channel and how it does: `ok` until a sending failed, `waiting` are notices not yet delivered."""

    name: str
    kind: str
    address: str
    ok: bool
    delivered: str | None
    failing_since: str | None
    failures: int
    waiting: int
    next_try: str | None
    error: str | None


class ChannelList(_Answer, frozen=True):
    """A flow's channels."""

    items: list[ChannelFacts]


class AddedChannel(_Answer, frozen=True):
    """A channel that was added. `secret` is one that was made here, told this once; never one that was sent."""

    name: str
    kind: str
    address: str
    secret: str | None
    position: int


class TriedChannel(_Answer, frozen=True):
    """Whether a channel took a test notice, and if not, why."""

    name: str
    ok: bool
    error: str | None


def alert_facts(one: StandingAlert) -> AlertFacts:
    alert = one.alert
    return AlertFacts(
        id=one.id,
        object=alert.object,
        problem=alert.problem,
        money=[Money(money(minor, currency), currency) for currency, minor in alert.money.items()],
        cause=alert.cause,
        what_to_do=alert.what_to_do,
        path=alert.path,
        raised=instant(one.raised) or "",
        cleared=instant(one.cleared),
    )


def channel_facts(health: ChannelHealth) -> ChannelFacts:
    channel, state = health.channel, health.state
    return ChannelFacts(
        name=channel.name,
        kind=channel.kind,
        address=channel.address,
        ok=health.ok,
        delivered=instant(state.delivered),
        failing_since=instant(state.failing_since),
        failures=state.failures,
        waiting=state.waiting,
        next_try=instant(state.next_try) if not health.ok else None,
        error=state.error or None,
    )


# --- examination -------------------------------------------------------------------------------------------------


class FindingFacts(_Answer, frozen=True):
    """One thing looked at: `status` is ok, warning or error."""

    subject: str
    status: str
    text: str
    what_to_do: str | None


class Examination(_Answer, frozen=True):
    """What a doctor found; `status` is the worst of the findings'."""

    status: str
    at: str
    findings: list[FindingFacts]


def examination(findings: Sequence[Finding], at: datetime) -> Examination:
    told = [FindingFacts(one.subject, one.status, one.text, one.what_to_do or None) for one in findings]
    return Examination(worst(findings), instant(at) or "", told)


# --- tokens ------------------------------------------------------------------------------------------------------


class Token(_Answer, frozen=True):
    """A token without its secret."""

    name: str
    prefix: str
    role: str
    flows: list[str]
    created: str
    created_by: str
    expires: str | None
    revoked: str | None
    last_used: str | None


class TokenList(_Answer, frozen=True):
    """Every token there ever was."""

    items: list[Token]


class MadeToken(_Answer, frozen=True):
    """A new token; `secret` is told this once."""

    secret: str
    token: Token
    position: int


class Me(_Answer, frozen=True):
    """Who asks: the token's name and role, and the flows it is limited to (empty: all)."""

    name: str
    role: str
    flows: list[str]


def token(facts: TokenFacts) -> Token:
    return Token(
        name=facts.name,
        prefix=facts.prefix,
        role=facts.role,
        flows=list(facts.flows),
        created=instant(facts.created) or "",
        created_by=facts.created_by,
        expires=instant(facts.expires),
        revoked=instant(facts.revoked),
        last_used=instant(facts.last_used),
    )


def me(holder: Holder) -> Me:
    return Me(holder.name, holder.role, list(holder.flows))


# --- values ------------------------------------------------------------------------------------------------------


def amount(minor: int | None, currency: str) -> str | None:
    """An amount, null where none is stated or its currency is not known."""
    return None if minor is None or not currency else format_minor(minor, currency)


def money(minor: int, currency: str) -> str:
    return format_minor(minor, currency)


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
