"""What a doctor looks at: storage, history, then each flow's credentials and vendors. Reads only."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from application.connections import AMAZON, QUICKBOOKS
from application.ports import Ledger, QuickBooks, SellerCentral, Vault
from domain.errors import ConnectorError
from domain.flow import Flow


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; `what_to_do` is empty where all is well."""

    subject: str
    ok: bool
    text: str
    what_to_do: str = ""


def examine(
    check_database: Callable[[], str],
    ledger: Ledger,
    flows: Sequence[Flow],
    vault: Vault,
    amazon: Callable[[Flow], SellerCentral],
    quickbooks: Callable[[Flow], QuickBooks],
) -> list[Finding]:
    """All findings; a failing one stops none of the others."""
    findings = [
        _try("database", check_database, "check DATABASE_URL, free disk space and rights"),
        _history(ledger),
    ]
    if not flows:
        findings.append(Finding("flows", True, "none is set up yet", ""))
    for flow in flows:
        findings += _flow(flow, vault, amazon, quickbooks)
    return findings


def _history(ledger: Ledger) -> Finding:
    found = ledger.verify()
    if found.ok:
        return Finding("history", True, f"{found.events} events, intact")
    return Finding("history", False, found.problem, "restore the database from a backup and keep this one as evidence")


def _flow(
    flow: Flow,
    vault: Vault,
    amazon: Callable[[Flow], SellerCentral],
    quickbooks: Callable[[Flow], QuickBooks],
) -> Iterator[Finding]:
    def marketplaces() -> str:
        places = amazon(flow).marketplaces()
        return "reached; marketplaces: " + (", ".join(place.name for place in places) or "none")

    def company() -> str:
        found = quickbooks(flow).company()
        return f"reached; company {found.name}, home currency {found.home_currency}"

    for name, check in ((AMAZON, marketplaces), (QUICKBOOKS, company)):
        subject = f"{flow.name}: {name}"
        if vault.get(flow.name, name) is None:
            yield Finding(
                subject, False, "not connected", f"ml-connector connect {name} {flow.name} --refresh-token-stdin"
            )
        else:
            yield _try(subject, check, f"ml-connector connect {name} {flow.name} --refresh-token-stdin, or try later")


def _try(subject: str, check: Callable[[], str], what_to_do: str) -> Finding:
    try:
        return Finding(subject, True, check())
    except (ConnectorError, OSError) as error:
        return Finding(subject, False, str(error), what_to_do)
