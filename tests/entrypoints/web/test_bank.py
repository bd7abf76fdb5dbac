"""The bank over the API and on its page: statements in, proposals and a person's word on them."""

import base64
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import Api, served
from bank_files import ofx

from domain.money import format_minor

BANK = "/flows/us/bank"


@pytest.fixture
def api(open_shop: Any) -> Iterator[Api]:
    with open_shop(orders=40, settlements=2, seed=4) as shop:
        shop.set_up()
        shop.sync()
        with served(shop) as found:
            yield found


def payouts(api: Api) -> list[tuple[str, Any, str]]:
    flow = api.shop.flow()
    return sorted(
        (row["settlement_id"], flow.day(datetime.fromisoformat(row["deposit_date"])), format_minor(row["total"], "USD"))
        for row in api.shop.rows("settlements")
    )


def statement(api: Api, twice: bool = False) -> bytes:
    made = [(day, total, "AMAZON PAYMENTS", f"f{name}") for name, day, total in payouts(api)]
    if twice:
        made.append((made[0][0] + timedelta(days=1), made[0][1], "AMAZON PAYMENTS", "again"))
    return ofx(made, min(one[0] for one in made) - timedelta(days=2), max(one[0] for one in made))


def body(content: bytes, **more: str) -> dict[str, str]:
    return {"file": "november.qfx", "content": base64.b64encode(content).decode(), **more}


def test_a_statement_is_taken_and_matched_and_again_is_no_harm(api: Api) -> None:
    done = api.post(f"{BANK}/statements", body(statement(api)), key="k1")
    assert (done["lines"], done["new"], done["matched"], done["proposals"], done["seen"]) == (2, 2, 2, 0, False)
    assert api.post(f"{BANK}/statements", body(statement(api)), key="k1") == done
    assert api.post(f"{BANK}/statements", body(statement(api)))["seen"] is True

    lines = api.get(f"{BANK}/lines", status="matched", after=done["position"])["items"]
    assert {line["settlements"][0]: line["amount"] for line in lines} == {
        name: total for name, _, total in payouts(api)
    }
    assert {line["how"] for line in lines} == {"auto"}
    (taken,) = api.get(f"{BANK}/statements")["items"]
    assert (taken["entries"], taken["fresh"], taken["form"]) == (2, 2, "ofx")
    settlement = api.get(f"/flows/us/settlements/{payouts(api)[0][0]}")
    assert (settlement["bankStatus"], settlement["bankDifference"]) == ("reconciled", "0.00")
    assert api.get(f"{BANK}/proposals")["proposals"] == []


def test_a_person_says_what_is_not_sure(api: Api) -> None:
    done = api.post(f"{BANK}/statements", body(statement(api, twice=True)))
    assert (done["matched"], done["proposals"]) == (1, 1)
    (proposal,) = api.get(f"{BANK}/proposals", after=done["position"])["proposals"]
    path = f"{BANK}/proposals/{proposal['proposal']}"
    api.post(f"{path}/confirm", {"why": ""}, status=400)
    api.post(f"{path}/confirm", {"why": "x"}, role="reader", status=403)
    api.post(f"{path}/reject", {"why": "it is the other one"})
    api.post(f"{path}/confirm", {"why": "after all"}, status=422)
    (other,) = api.get(f"{BANK}/proposals")["proposals"]
    api.post(f"{BANK}/proposals/{other['proposal']}/confirm", {"why": "the bank says so"})
    api.post(f"{BANK}/lines/{other['line']}/undo", {"why": "a mistake"})
    api.post(f"{BANK}/lines/{proposal['line']}/assign", {"settlements": proposal["settlements"], "why": "it is this"})
    api.post(f"{BANK}/lines/{other['line']}/set-aside", {"why": "booked twice by the bank"})
    assert {line["status"] for line in api.get(f"{BANK}/lines")["items"]} == {"matched", "aside"}
    assert api.post(f"{BANK}/match")["matched"] == 0
    api.post("/flows/nobody/bank/match", status=404)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"file": "a", "content": "%%%"}, "expected the file's bytes in base64"),
        ({"file": "a", "content": "\x9d"}, "expected the file's bytes in base64"),
        (body(b"%PDF-1.7"), "this is a PDF"),
        (body(b"When,What\n1,2\n"), "no row has headings"),
        (body(b"Date,Amount\n2026-11-01,1.00\n", columns="colour=blue"), "expected NAME=COLUMN"),
        (body(b"Date,Amount\n2026-11-01,1.00\n", account="dollars"), "expected a currency like USD"),
    ],
)
def test_what_cannot_be_taken_is_said(api: Api, wanted: Any, said: str) -> None:
    answer = api.client.post(f"/api/v1{BANK}/statements", json=wanted, headers=api.as_("operator"))
    assert answer.status_code == 422
    assert said in answer.text
    assert api.get(f"{BANK}/lines")["items"] == []


def test_the_page_takes_a_file_and_a_word(api: Api) -> None:
    client = api.client
    login = client.get("/login")
    proof = re.search('name="csrf" value="([0-9a-f]{64})"', login.text)
    assert proof is not None
    client.post("/login", data={"token": api.tokens["operator"], "csrf": proof[1], "next": "/"})
    shown = client.get(BANK).text
    assert "No statement of the bank is here yet" in shown
    found = re.search('name="csrf" value="([0-9a-f]{64})"', shown)
    assert found is not None
    files = {"file": ("november.qfx", statement(api, twice=True))}
    done = client.post(f"{BANK}/statements", data={"csrf": found[1]}, files=files)
    assert "3 new lines were taken in, 1 matched." in done.text
    assert "Do these belong together?" in done.text
    refused = client.post(f"{BANK}/statements", data={"csrf": "0" * 64}, files=files)
    assert refused.status_code == 403
    proposal = re.search('name="proposal" value="([0-9a-f]+)"', done.text)
    assert proposal is not None
    confirmed = client.post(f"{BANK}/confirm", data={"csrf": found[1], "proposal": proposal[1]})
    assert "belong together now" in confirmed.text
    assert "2 of 2 payouts are on the bank" in confirmed.text
    unknown = client.post(f"{BANK}/confirm", data={"csrf": found[1], "proposal": proposal[1]})
    assert "has no proposal" in unknown.text
    nothing = client.post(f"{BANK}/statements", data={"csrf": found[1]}, files={"file": ("a.pdf", b"%PDF-1.7")})
    assert "this is a PDF" in nothing.text
