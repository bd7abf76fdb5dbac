"""Numbers for Prometheus: requests by route as they happen, everything else counted when it is asked for."""

from collections.abc import Iterator
from typing import Any

from litestar import Response, Router
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from application.ports import ChannelTotals
from domain.access import READER
from domain.money import format_minor
from entrypoints.bootstrap import Services
from entrypoints.web.access import read
from entrypoints.web.desk import Desk
from entrypoints.web.follower import Follower

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The registry of one application."""

    def __init__(self, services: Services, follower: Follower) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ml_connector_http_requests_total",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "ml_connector_http_request_seconds",
            "Time to the end of the answer, by route.",
            ("method", "route"),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._registry.register(_Collector(services, follower))
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def measure(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. The children are kept: to look them up by label costs more than to count."""
        children = self._known.get((method, route, status))
        if children is None:
            children = self._known[method, route, status] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _Collector:
    """What the database knows, read when Prometheus asks."""

    def __init__(self, services: Services, follower: Follower) -> None:
        self._services = services
        self._follower = follower

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: registering must not read the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        services, views = self._services, self._services.views
        events = GaugeMetricFamily("ml_connector_events", "Events in the log.")
        events.add_metric((), services.store.end())
        yield events
        position = GaugeMetricFamily("ml_connector_views_position", "How far the log is folded.")
        position.add_metric((), self._follower.position)
        yield position
        yield from self._queue()
        flows = views.flows()
        held = GaugeMetricFamily(
            "ml_connector_held_money", "Money at stake in held work.", labels=("flow", "code", "currency")
        )
        documents = GaugeMetricFamily(
            "ml_connector_held_reasons", "Reasons why work is held.", labels=("flow", "code", "currency")
        )
        postings = GaugeMetricFamily(
            "ml_connector_postings", "Documents by where they stand.", labels=("flow", "status")
        )
        cycles = GaugeMetricFamily("ml_connector_cycles", "Cycles by how they ended.", labels=("flow", "status"))
        calls = GaugeMetricFamily(
            "ml_connector_vendor_calls", "Calls to vendors, all days.", labels=("flow", "vendor", "operation")
        )
        failing = GaugeMetricFamily(
            "ml_connector_alert_channels_failing", "Alert channels whose last sending failed.", labels=("flow",)
        )
        waiting = GaugeMetricFamily(
            "ml_connector_alert_notices_waiting", "Notices that no channel has taken yet.", labels=("flow",)
        )
        troubled = services.alerts.troubled()
        for flow in flows:
            totals = troubled.get(flow, ChannelTotals())
            failing.add_metric((flow,), totals.failing)
            waiting.add_metric((flow,), totals.waiting)
            for (code, currency), (number, amount) in _held_by_code(views.query("held_groups", flow)).items():
                documents.add_metric((flow, code, currency), number)
                if currency:
                    held.add_metric((flow, code, currency), float(format_minor(amount, currency)))
            counts = views.query("counts", flow)[0]
            posted = counts["invoices"] + counts["payments"] + counts["deposits"]
            for status, number in (("posted", posted), ("planned", counts["planned"]), ("held", counts["held"])):
                postings.add_metric((flow, status), number)
            for status, number in views.cycles_by_status(flow).items():
                cycles.add_metric((flow, status), number)
            for (vendor, operation), number in services.quotas.calls_by_operation(flow).items():
                calls.add_metric((flow, vendor, operation), number)
        yield from (held, documents, postings, cycles, calls, failing, waiting)

    def _queue(self) -> Iterator[Metric]:
        leases = self._services.leases
        now = leases.now()
        states = leases.states().values()
        due = GaugeMetricFamily("ml_connector_flows_due", "Flows that are due, or asked for, and not running.")
        due.add_metric((), sum(not state.held and (state.due_at <= now or state.asked) for state in states))
        running = GaugeMetricFamily("ml_connector_flows_running", "Flows of which a cycle runs.")
        running.add_metric((), sum(state.held for state in states))
        workers = GaugeMetricFamily("ml_connector_workers", "Processes that run flows and are alive.")
        workers.add_metric((), sum(worker.alive for worker in leases.workers()))
        yield from (due, running, workers)


def _held_by_code(groups: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, int]]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row in groups:
        key = row["code"], row["currency"]
        number, amount = sums.get(key, (0, 0))
        sums[key] = number + row["documents"], amount + row["amount"]
    return sums


@read("/metrics", READER, installation=True, follows=False, include_in_schema=False)
def show_metrics(desk: NamedDependency[Desk], metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """Metrics in Prometheus' text format."""
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


router = Router("/", route_handlers=[show_metrics])
