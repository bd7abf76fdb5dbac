"""The stand-ins as child processes, and the settings that make this service use them."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

from domain.errors import ConnectorError
from entrypoints.settings import PREFIX

Facts = dict[str, str]


@contextlib.contextmanager
def running_standins(
    orders: int,
    settlements: int,
    seed: int,
    speed: float,
    amazon_port: int = 0,
    quickbooks_port: int = 0,
    host: str = "127.0.0.1",
    name: str = "",
    credentials: str = "",
) -> Iterator[tuple[Facts, Facts]]:
    """Start both and hand out what each prints of itself; they end with the block, or with this process."""
    with contextlib.ExitStack() as stack:
        common = ["--seed", str(seed), "--speed", str(speed), "--host", host, "--name", name, "--child"]
        world = ["--orders", str(orders), "--settlements", str(settlements), "--credentials", credentials]
        children = [
            stack.enter_context(_child(["amazon", "--port", str(amazon_port), *world, *common])),
            stack.enter_context(_child(["quickbooks", "--port", str(quickbooks_port), *common])),
        ]
        amazon, quickbooks = (_announced(child) for child in children)
        yield amazon, quickbooks


def environment_for(amazon: Mapping[str, str], quickbooks: Mapping[str, str], speed: float) -> dict[str, str]:
    """The ML_CONNECTOR_ settings that point at the stand-ins."""
    settings = {
        "AMAZON_TOKEN_URL": amazon["token_url"],
        **{f"AMAZON_API_URL_{region}": amazon["api_url"] for region in ("NA", "EU", "FE")},
        "AMAZON_AUTHORIZE_URL": amazon["authorize_url"],
        "AMAZON_CLIENT_ID": amazon["client_id"],
        "AMAZON_CLIENT_SECRET": amazon["client_secret"],
        "AMAZON_APPLICATION_ID": amazon["application_id"],
        "QUICKBOOKS_API_URL": quickbooks["api_url"],
        "QUICKBOOKS_TOKEN_URL": quickbooks["token_url"],
        "QUICKBOOKS_REVOKE_URL": quickbooks["revoke_url"],
        "QUICKBOOKS_AUTHORIZE_URL": quickbooks["authorize_url"],
        "QUICKBOOKS_CLIENT_ID": quickbooks["client_id"],
        "QUICKBOOKS_CLIENT_SECRET": quickbooks["client_secret"],
        "QUOTA_SPEED": f"{speed:g}",
    }
    return {PREFIX + name: value for name, value in settings.items()}


@contextlib.contextmanager
def _child(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "adapters.simulated", *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(timeout=10)


def _announced(child: subprocess.Popen[bytes]) -> Facts:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise ConnectorError("a stand-in did not start; its own words are above")
    facts: Facts = json.loads(line)
    return facts
