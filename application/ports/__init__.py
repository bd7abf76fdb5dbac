"""What the use cases need from the outside, as Protocols; each method names the errors it may raise.

Adapters implement these, `entrypoints/bootstrap.py` alone constructs them. Money is in minor units, time is UTC.
"""

from application.ports.alerts import AlertBook, AlertChanges, Alerts, ChannelState, ChannelTotals, Notice, StandingAlert
from application.ports.amazon import (
    OpenSeller,
    OrderPage,
    Participation,
    ReportDocument,
    ReportReader,
    ReportRef,
    SellerCentral,
)
from application.ports.bank import BankFile, BankReader
from application.ports.events import Append, AuditFinding, EventStore, Head, Ledger, Recorded
from application.ports.keeping import Consent, EvidenceStore, Vault, VaultSlot
from application.ports.leases import Lease, Leases, LeaseState, WorkerState
from application.ports.machine import DiskFacts, KeyFacts, Machine, StoreFacts
from application.ports.quickbooks import (
    Company,
    Fault,
    Found,
    OpenCompany,
    Otherwise,
    QuickBooks,
    References,
    Removed,
    Sighting,
    Write,
)
from application.ports.time import Clock, Timetable
from application.ports.views import Views

__all__ = [
    "AlertBook",
    "AlertChanges",
    "Alerts",
    "Append",
    "AuditFinding",
    "BankFile",
    "BankReader",
    "ChannelState",
    "ChannelTotals",
    "Clock",
    "Company",
    "Consent",
    "DiskFacts",
    "EventStore",
    "EvidenceStore",
    "Fault",
    "Found",
    "Head",
    "KeyFacts",
    "Lease",
    "LeaseState",
    "Leases",
    "Ledger",
    "Machine",
    "Notice",
    "OpenCompany",
    "OpenSeller",
    "OrderPage",
    "Otherwise",
    "Participation",
    "QuickBooks",
    "Recorded",
    "References",
    "Removed",
    "ReportDocument",
    "ReportReader",
    "ReportRef",
    "SellerCentral",
    "Sighting",
    "StandingAlert",
    "StoreFacts",
    "Timetable",
    "Vault",
    "VaultSlot",
    "Views",
    "WorkerState",
    "Write",
]
