"""Real settlement files, imported into a flow and posted like fetched ones.

What is posted equals the file's stated total to the cent; everything else is held with its reason and its money.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

from samples import shared_folder
from shop import Shop

from application.settlement_files import ingest_document
from entrypoints.bootstrap import read_settlement_report

OpenShop = Callable[..., AbstractContextManager[Shop]]

# settlement id -> stated total in minor units, and what becomes of it in a flow with a USD bank account.
EXPECTED = {
    "21871512981": (166868, "posted", set()),
    "28471003921": (58289, "posted", set()),
    "22988491762": (12884, "held", {"fx_pending"}),  # no bank account in that currency: what Amazon made of it?
    "23208776292": (34660, "held", {"fx_pending"}),
    "23874396421": (-32169, "held", {"unmapped"}),  # clearing in that currency, and the card, are not chosen
    "24288684721": (101608, "held", {"fx_pending", "unmapped"}),  # and the card that Amazon charged is not chosen
    "24391894961": (253966, "held", {"fx_pending"}),
    "24596907561": (389424, "held", {"fx_pending"}),
    "12345678901": (123456, "disputed", {"disputed"}),
    "6016502941": (1663013, "disputed", {"disputed"}),
    "12395580393": (21211895, "disputed", {"disputed"}),
}


def test_every_real_file_is_posted_to_the_cent_or_held_with_its_reason(open_shop: OpenShop) -> None:
    files = sorted((shared_folder() / "samples").glob("settlement_v[12]/*.txt"))
    with open_shop(orders=5, settlements=1) as shop:
        shop.set_up("files", orders="none", since=date(2000, 1, 1))
        for file in files:
            take_in(shop, file)
        shop.services.cycle(shop.flow("files"), fetch=False).run()

        held: dict[str, set[str]] = {}
        for row in shop.rows("held", "files"):
            held.setdefault(row["key"], set()).add(row["code"])
        found = {
            row["settlement_id"]: (row["total"], row["status"], held.get(row["settlement_id"], set()))
            for row in shop.rows("settlements", "files")
        }
        assert found == EXPECTED
        banked = sum(total for total, status, _ in EXPECTED.values() if status == "posted")
        assert shop.trial_balance()[shop.quickbooks["bank_account"]] == f"{banked / 100:.2f}"

        documents = shop.documents()
        for file in files:
            take_in(shop, file)  # again is no news
        shop.services.cycle(shop.flow("files"), fetch=False).run()
        assert shop.documents() == documents


def take_in(shop: Shop, file: Path) -> None:
    content = file.read_bytes()
    (digest,) = shop.services.evidence.put("files", [content])
    flow, bookkeeping = shop.flow("files"), shop.services.bookkeeping
    ingest_document(content, "", file.name, flow, bookkeeping, read_settlement_report, "tests", digest)
