"""Three flows side by side: two regions, two sellers in one of them, a company each. Nothing of one is another's.

One token, watermark or document that crossed would put one merchant's trade into another's books.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mall import Mall, opened
from programs import wait_for, workers

from adapters.views.schema import TABLES
from domain.errors import BadInput, ConnectionLost
from domain.flow import CycleStarted, FlowSettings, Schedule, cycle_stream, flow_stream
from domain.mapping import MappingChanged, MappingMissing, Rule, gap_stream, mapping_stream
from domain.order import OrderAmended, OrderIngested, order_stream
from domain.posting import BatchSubmitted, PostingPlanned, batch_stream, posting_stream
from domain.settlement import SettlementClosed, settlement_stream
from domain.transaction import TransactionIngested, transaction_stream
from entrypoints.bootstrap import Services
from entrypoints.runner import Timer

FLOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "us-one": ("na", {"orders": 40, "settlements": 2, "seed": 41}),
    "eu-one": ("eu", {"orders": 35, "settlements": 1, "seed": 42}),
    "eu-two": ("eu", {"orders": 30, "settlements": 2, "seed": 43}),
}


@pytest.fixture
def mall(tmp_path: Path, database_url: str) -> Iterator[Mall]:
    with opened(tmp_path, database_url, FLOWS) as mall:
        yield mall


@pytest.fixture
def service(mall: Mall) -> Iterator[Services]:
    service = mall.open()
    mall.set_up(service)
    yield service
    service.close()


def all_ran(service: Services, times: int = 1) -> bool:
    service.views.catch_up()
    done = {flow: service.views.query("cycles", flow, status="finished") for flow in FLOWS}
    return all(len(rows) >= times for rows in done.values())


def in_one_process(mall: Mall, service: Services, tmp_path: Path) -> None:
    timer = Timer(service, tick_seconds=0.1)
    timer.start()
    try:
        wait_for(lambda: all_ran(service), 60)
        for flow in FLOWS:
            service.leases.ask(flow)
        wait_for(lambda: all_ran(service, 2), 60)
    finally:
        timer.stop()
        timer.join()


def in_two_workers(mall: Mall, service: Services, tmp_path: Path) -> None:
    with workers(tmp_path) as start:
        both = [start(mall.environment()) for _ in range(2)]
        wait_for(lambda: all_ran(service), 90, lambda: [worker.said for worker in both])
        for flow in FLOWS:
            service.leases.ask(flow)
        wait_for(lambda: all_ran(service, 2), 90, lambda: [worker.said for worker in both])
        assert [worker.end() for worker in both] == [0, 0]


@pytest.mark.parametrize("run", [in_one_process, in_two_workers])
def test_nothing_of_one_flow_is_used_for_another(
    mall: Mall, service: Services, tmp_path: Path, run: Callable[[Mall, Services, Path], None]
) -> None:
    # What differs between the flows: one has a fee of its own to book, one another schedule.
    own_rule = Rule(0, "ServiceFee", "only-here", "Only Here", "fee", "OTHFEE")
    service.bookkeeping.change_mapping(
        MappingChanged(version=0, why="test", rules=(own_rule,), flow="eu-one", at=service.clock(), by="tests"), []
    )
    service.flow_setup.configure("eu-two", FlowSettings(schedule={"posting": Schedule(45)}), "tests")
    mappings = {flow: service.bookkeeping.mapping(flow) for flow in FLOWS}

    run(mall, service, tmp_path)

    check_calls(mall)
    check_tokens(mall, service)
    check_rows(mall, service)
    check_events(service)
    check_documents(mall, service)
    assert {flow: service.bookkeeping.mapping(flow) for flow in FLOWS} == mappings
    assert [flow for flow in FLOWS if mappings[flow].rule_for(own_rule.triple) == own_rule] == ["eu-one"]
    assert service.ledger.verify().ok


def test_the_desk_sees_a_token_that_crosses(mall: Mall, service: Services) -> None:
    """What the test above rests on: a token of one flow in another's hands is refused and written down."""
    stolen = service.vault.get("us-one", "amazon")
    assert stolen is not None
    service.vault.put("eu-two", "amazon", stolen)
    with pytest.raises(ConnectionLost):
        service.amazon(service.bookkeeping.flow("eu-two")).marketplaces()
    assert {(call.bearer, call.region) for call in mall.crossings} == {("us-one", "eu")}


def check_calls(mall: Mall) -> None:
    """As the vendors saw it: every call bore the token of the account it asked for, in its region."""
    assert mall.crossings == []
    for flow, (region, _) in FLOWS.items():
        mine = [call for call in mall.calls if call.bearer == flow]
        assert {call.region for call in mine if call.vendor == "amazon"} == {region, "token"}
        realm = mall.places[flow].quickbooks["realm"]
        asked = {call.path.split("/")[3] for call in mine if call.vendor == "quickbooks" and call.region != "token"}
        assert asked == {realm}


def check_tokens(mall: Mall, service: Services) -> None:
    """In the vault: each flow's own, and none that opens another's account."""
    seen: dict[str, str] = {}
    for flow in FLOWS:
        for vendor in ("amazon", "quickbooks"):
            credential = service.vault.get(flow, vendor)
            assert credential is not None
            assert mall.given_to(credential["refresh_token"]) == flow
            for value in (text for name, text in credential.items() if "token" in name and len(text) > 20):
                assert seen.setdefault(value, flow) == flow


def check_rows(mall: Mall, service: Services) -> None:
    """In the tables: every row is a flow's, and ids of orders, settlements and documents are in one flow only."""
    realms = {flow: mall.places[flow].quickbooks["realm"] for flow in FLOWS}
    with service.database.reading() as cursor:

        def column(sql: str) -> list[Any]:
            cursor.execute(sql)
            return [row[0] if len(row) == 1 else row for row in cursor.fetchall()]

        for table in [*(table.name for table in TABLES), "vault", "evidence", "calls", "leases"]:
            assert set(column(f"SELECT DISTINCT flow FROM {table}")) <= set(FLOWS), table
        for table, key in [("orders", "order_id"), ("settlements", "settlement_id"), ("postings", "key")]:
            keys = column(f"SELECT {key} FROM {table}")
            assert keys
            assert table == "postings" or len(keys) == len(set(keys))
        for flow in FLOWS:
            marks = column(f"SELECT source FROM watermarks WHERE flow = '{flow}' ORDER BY source")
            assert marks == ["event_groups", "orders", "settlement_reports", "shipments", "transactions"]
        assert len(set(column("SELECT seen FROM watermarks WHERE source = 'settlement_reports'"))) == 3
        owners = {f"amazon/{flow}/" for flow in FLOWS} | {f"quickbooks/{realm}/" for realm in realms.values()}
        quotas = {name.rpartition("/")[0] + "/" for name in column("SELECT name FROM quotas")}
        assert quotas == owners
        metered = dict(column("SELECT flow, SUM(calls) FROM calls WHERE vendor = 'quickbooks' GROUP BY flow"))
        evidence = column("SELECT flow, digest FROM evidence")

    for flow in FLOWS:
        asked = sum(call.vendor == "quickbooks" and call.bearer == flow for call in mall.calls)
        assert int(metered[flow]) == asked
    for flow, digest in evidence:
        for other in set(FLOWS) - {flow}:
            if (other, digest) not in evidence:
                with pytest.raises(BadInput):
                    service.evidence.get(other, digest)
    assert not any(state.held for state in service.leases.states().values())


def check_events(service: Services) -> None:
    """In the log: each event stands in a stream of its own flow, made by a cycle of that flow."""
    log = service.store.read(0, 1_000_000)
    cycles = {event.cycle: event.flow for event in (row.event for row in log) if isinstance(event, CycleStarted)}
    assert set(cycles.values()) == set(FLOWS)
    kinds = 0
    for row in log:
        event: Any = row.event
        assert event.flow in FLOWS
        if event.by.startswith("cycle:"):
            assert cycles[event.by.removeprefix("cycle:")] == event.flow
        match event:
            case OrderIngested() | OrderAmended():
                stream = order_stream(event.flow, event.order.order_id)
            case SettlementClosed():
                stream = settlement_stream(event.flow, event.settlement_id)
            case TransactionIngested():
                stream = transaction_stream(event.flow, event.transaction.transaction_id)
            case PostingPlanned():
                stream = posting_stream(event.flow, event.kind, event.key)
            case BatchSubmitted():
                stream = batch_stream(event.flow, event.batch)
                for item in event.items:
                    assert item.posting == str(posting_stream(event.flow, item.kind, item.key))
            case MappingChanged():
                stream = mapping_stream(event.flow)
            case MappingMissing():
                stream = gap_stream(event.flow, event.key)
            case CycleStarted():
                stream = cycle_stream(event.flow, event.cycle)
            case _:
                continue
        kinds += 1
        assert row.stream == stream.hex
    assert kinds > 200
    assert all(service.store.load([flow_stream(flow)]) for flow in FLOWS)


def check_documents(mall: Mall, service: Services) -> None:
    """In the companies: what the flow's own world expects, and not one document more."""
    numbers: dict[str, str] = {}
    for flow in FLOWS:
        rows = service.views.query("postings", flow, status="posted")
        documents = mall.documents(flow)
        for kind in ("invoice", "payment", "deposit"):
            assert documents[kind.title()] == sum(row["kind"] == kind for row in rows)
        for row in rows:
            assert numbers.setdefault(f"{row['kind']}/{row['key']}", flow) == flow
        assert all(row["difference"] == 0 for row in service.views.query("settlements", flow))
        counts = service.views.query("counts", flow)[0]
        assert (counts["orders"], counts["held"]) == (FLOWS[flow][1]["orders"], 0)
        clearing = f"Amazon Clearing - {flow} USD"
        names = mall.trial_balance(flow)
        assert not any(name.startswith("Amazon Clearing") and name != clearing for name in names)
        assert not any(other in name for name in names for other in set(FLOWS) - {flow})
