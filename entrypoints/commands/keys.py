"""`ml-connector keys`: the master keys that seal credentials and evidence, and how one is replaced by another."""

from typing import Annotated

import typer

from domain.errors import BadInput
from entrypoints.bootstrap import Services, services
from entrypoints.commands.flow import AsJson
from entrypoints.console import DONE, err, out, print_json, print_table

app = typer.Typer(help="The master keys that seal credentials and evidence.", no_args_is_help=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> int:
    """The keys by id, the current one first, and how many stored values each has sealed."""
    with services() as service:
        facts = service.machine.keys()
    rows = [
        {"key": key, "current": key == facts.known[0], "sealed": facts.sealed.get(key, 0), "known": True}
        for key in facts.known
    ]
    rows += [
        {"key": key, "current": False, "sealed": count, "known": False}
        for key, count in sorted(facts.sealed.items())
        if key not in facts.known
    ]
    if as_json:
        print_json({"origin": facts.origin, "keys": rows})
    else:
        print_table(
            f"Master keys from {facts.origin}",
            ["key", "status", "values sealed"],
            [[str(row["key"]), _status(row), str(row["sealed"])] for row in rows],
            right=["values sealed"],
        )
    return DONE


@app.command()
def rotate(
    rewrap_only: Annotated[
        bool, typer.Option("--rewrap-only", help="Make no new key; seal with the first one what is not yet.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make a new master key the current one and seal everything with it; the former keys stay until removed."""
    with services() as service:
        if not rewrap_only:
            service.keyring.add()
        current = service.keyring.current
        with err.status("Sealing credentials and evidence anew ..."):
            credentials = service.vault.rotate()
            contents = service.evidence.rotate()
        former = [key for key in service.keyring.known if key != current]
    if as_json:
        print_json({"current": current, "former": former, "credentials": credentials, "evidence": contents})
    else:
        out.print(f"Master key {current} is the current one: {credentials} credentials and {contents} contents sealed.")
        for key in former:
            out.print(f"When no backup needs it any more: ml-connector keys remove {key}")
    return DONE


@app.command()
def remove(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")],
    as_json: AsJson = False,
) -> int:
    """Take a former key out of the ring. Backups made before the rotation can then not be read without it."""
    with services() as service:
        _refuse_if_used(service, key)
        service.keyring.remove(key)
        known = service.keyring.known
    if as_json:
        print_json({"removed": key, "current": known[0], "former": list(known[1:])})
    else:
        out.print(f"Master key {key} is removed; {known[0]} is the current one.")
    return DONE


def _refuse_if_used(service: Services, key: str) -> None:
    count = service.machine.keys().sealed.get(key, 0)
    if count:
        raise BadInput(
            f"master key {key} still seals {count} stored values, which would be lost; run: ml-connector keys rotate "
            "--rewrap-only"
        )


def _status(row: dict[str, object]) -> str:
    if not row["known"]:
        return "missing"
    return "current" if row["current"] else "former"
