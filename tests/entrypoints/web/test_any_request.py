"""Any request at all, by schemathesis over real HTTP: never a fault of ours, and every answer as documented."""

import contextlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import api as support
import hypothesis
import msgspec
import schemathesis
from bank_files import ofx
from hypothesis import strategies
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)
from shop import Shop

from adapters.simulated.serving import loopback_socket, serving
from application.alerts import webhook_channel
from application.bank_matches import bank_state
from domain.money import format_minor
from entrypoints.bootstrap import read_bank_statement
from entrypoints.web.app import create_app

EXAMPLES = 25  # for each operation, of what its document allows and of what it does not

# What the shape allows may still name what is not there, or a time to come: a documented 422. Wrong tokens from one
# address are slowed down: a documented 429; test_access.py goes over all routes without a token.
# A wrong value in a query may come out as nothing at all (an empty list does), so bodies alone are held to refusals.
LEFT_OUT = [positive_data_acceptance, ignored_auth]


@contextlib.contextmanager
def _served() -> Iterator[tuple[str, str, dict[str, Any]]]:
    with support.traded() as shop:
        dead = webhook_channel("http://127.0.0.1:9/", "a signing secret")
        shop.services.alerts.add_channel("us", "dead", dead.settings, dead.address, "tests")
        shop.services.settings = msgspec.structs.replace(shop.services.settings, requests_per_minute=10_000_000)
        token = support.make_token(shop.services, "any", "admin")
        support.make_token(shop.services, "another", "reader")
        listener, url = loopback_socket()
        with serving(create_app(shop.services), listener):
            yield url, token, _what_is_there(shop)


def _what_is_there(shop: Shop) -> dict[str, Any]:
    deposit = shop.rows("postings", kind="deposit")[0]
    proposal, line = _bank(shop, deposit)
    return {
        "flow": "us",
        "settlement_id": deposit["settlement_id"],
        "ordinal": 1,
        "order_id": shop.rows("orders", reconciliation="settled")[0]["order_id"],
        "kind": "deposit",
        "key": deposit["key"],
        "cycle": shop.rows("cycles")[0]["cycle"],
        "name": "another",
        "channel": "dead",
        "vendor": "amazon",
        "proposal": proposal,
        "line": line,
    }


def _bank(shop: Shop, deposit: dict[str, Any]) -> tuple[str, str]:
    """A proposal, since two lines have the amount of one payout; and another line."""
    services, day = shop.services, date.fromisoformat(deposit["day"])
    total = format_minor(deposit["amount"], "USD")
    lines = [(day, total, "AMAZON", "1"), (day, total, "AMAZON", "2"), (day, "7.77", "AMAZON", "3")]
    content = ofx(lines, day, day)
    services.bank_imports.import_file(shop.flow(), content, "a.qfx", read_bank_statement, services.evidence, "tests")
    services.views.catch_up()
    (proposal,) = bank_state("us", services.views).proposals
    return proposal.id, next(row["line"] for row in shop.rows("bank_lines") if row["amount"] == 777)


def test_every_answer_is_as_documented() -> None:
    """The operations one by one, and what is wrong with all of them told at once."""
    failures: list[str] = []
    with _served() as (url, token, there):
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) > 35
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    _try(operation, mode, token, there)
                except (Exception, BaseExceptionGroup) as error:
                    failures.append(f"{operation.label} ({mode.value}): {_told(error)}")
    assert not failures, "\n\n".join(failures)


def _try(operation: APIOperation, mode: GenerationMode, token: str, there: dict[str, Any]) -> None:
    left_out = [*LEFT_OUT, negative_data_rejection] if operation.method == "get" else LEFT_OUT

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), real=strategies.booleans())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    def any_case(case: Case, real: bool) -> None:
        if real:  # words made up are never found: half of the requests are about what is there
            case.path_parameters |= {name: there[name] for name in case.path_parameters}
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=left_out)

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing of it can be wrong
        any_case()


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_told(one) for one in error.exceptions)
    return str(error)
