"""`ml-connector connect` as a person uses it: an address is printed, opened in a browser at a running service, and the
next cycle works. Processes, HTTP and files are real; what they leave behind is searched for secrets.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from programs import CommandLine, wait_for_words

from adapters.simulated.serving import loopback_socket
from entrypoints.standins import environment_for, running_standins

SPEED = 60.0  # the stand-ins' codes live five of their minutes: five seconds


def test_a_flow_is_connected_from_the_address_that_the_command_prints(tmp_path: Path) -> None:
    listener, url = loopback_socket()
    listener.close()
    with running_standins(12, 1, 4, SPEED) as (amazon, quickbooks):
        run = CommandLine(
            tmp_path / "home", {**environment_for(amazon, quickbooks, SPEED), "ML_CONNECTOR_PUBLIC_URL": url}
        )
        run.json(
            "flow", "create", "us", "--region", "na", "--since", amazon["since"][:10],
            "--bank", quickbooks["bank_account"], "--currency", "USD",
        )  # fmt: skip
        assert "tell" in run("connect", "quickbooks", "us", "--refresh-token-stdin", stdin="RT1-x").stderr

        said = tmp_path / "serve.txt"
        seen: list[str] = []
        with said.open("wb") as output:
            serve = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.cli", "serve", "--no-timer", "--port", url.rpartition(":")[2]],
                env=run.environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait_for_words(said, "Serving on", serve)
            with httpx.Client(follow_redirects=True, timeout=30) as browser:
                for vendor in ("amazon", "quickbooks"):
                    printed = run("connect", vendor, "us")
                    assert printed.returncode == 0, printed.stderr
                    assert re.fullmatch(rf"{url}/oauth/{vendor}/start\?ticket=[\w-]{{43}}\n", printed.stdout)
                    assert "within 10 minutes" in printed.stderr
                    page = browser.get(printed.stdout.strip())
                    assert page.status_code == 200, page.text
                    for address in [printed.stdout.strip(), str(page.url), page.history[0].headers["location"]]:
                        seen += [values[0] for values in parse_qs(urlsplit(address).query).values()]
                    seen += browser.cookies.values()
                again = browser.get(printed.stdout.strip())
                assert (again.status_code, "used before" in again.text) == (400, True)
        finally:
            serve.terminate()
            serve.wait(timeout=30)

        shown = run.json("flow", "show", "us")
        assert (shown["realm"], shown["seller"]) == (quickbooks["realm"], amazon["selling_partner_id"])
        assert (shown["amazon_connected"], shown["quickbooks_connected"]) == (True, True)
        run.json("chart", "propose", "us", "--apply")
        synced = run.json("sync", "us")
        assert [row["difference"] for row in synced["settlements"]] == ["0.00"]

        trail = run.json("audit", "trail", "us")["events"]
        connected = [row for row in trail if row["name"].endswith("-connected.v1")]
        assert [row["by"].partition(":")[0] for row in connected] == ["cli", "cli"]

        public = {quickbooks["realm"], amazon["selling_partner_id"], quickbooks["client_id"], amazon["application_id"]}
        secrets = [value for value in seen if len(value) >= 16 and value not in public and "://" not in value]
        secrets = [value for value in secrets if not value.startswith("com.intuit")]
        assert len(secrets) >= 6
        left = said.read_bytes() + b"".join(file.read_bytes() for file in (tmp_path / "home").iterdir())
        assert [value for value in secrets if value.encode() in left] == []

        ended = run.json("connect", "revoke", "quickbooks", "us")
        assert ended == {"flow": "us", "disconnected": "quickbooks", "told_vendor": True}
        assert "Manage Your Apps" in run("connect", "revoke", "amazon", "us").stdout
        assert run("connect", "revoke", "amazon", "us").returncode == 2
        assert run("connect", "revoke", "ebay", "us").returncode == 2
        assert "connect amazon us" in run("sync", "us").stderr
        assert run.json("audit", "verify")["ok"] is True
