"""What the containers run: every command exists, nothing names a registry, and the stand-ins' settings are theirs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from entrypoints.cli import app
from entrypoints.settings import load

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "ml-connector"}


def commands() -> list[tuple[str, list[str]]]:
    """The commands of compose, of its comments and of the Dockerfile."""
    found = [(name, service["command"]) for name, service in OURS.items()]
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    found += [("comment", shlex.split(line)) for line in re.findall(r"run --rm web ([^\n]+)", text)]
    found += [("Dockerfile", yaml.safe_load(line)) for line in re.findall(r"^CMD (\[.*)$", DOCKERFILE, re.MULTILINE)]
    return found


@pytest.mark.parametrize(("where", "command"), commands(), ids=str)
def test_every_command_and_option_exists(where: str, command: list[str]) -> None:
    name, *arguments = command
    group: Any = typer.main.get_command(app)
    known = group.commands[name]
    known.parse_args(known.make_context(name, list(arguments), resilient_parsing=True), list(arguments))
    options = {option for parameter in known.params for option in parameter.opts}
    assert [word for word in arguments if word.startswith("--") and word not in options] == []


def test_web_and_worker_share_database_and_key() -> None:
    assert set(OURS) == {"web", "worker", "standins"}
    web, worker = OURS["web"], OURS["worker"]
    for part in ("environment", "volumes", "env_file", "image"):
        assert web[part] == worker[part]
    assert web["environment"]["ML_CONNECTOR_DATABASE_URL"].startswith("postgresql://ml:")
    assert OURS["standins"]["profiles"] == ["standins"]
    assert all(
        port.startswith("127.0.0.1:") for service in COMPOSE["services"].values() for port in service.get("ports", [])
    )
    names = {name for service in OURS.values() for name in service.get("environment", {})}
    load({name: "https://example.com" if name.endswith("PUBLIC_URL") else "postgresql://a:b@c/d" for name in names})


def test_the_image_is_built_from_the_tree_alone_and_runs_as_nobody_special() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["python:3.11-slim", "python:3.11-slim"]
    assert "\nUSER ml\n" in DOCKERFILE
    assert "/health" in DOCKERFILE
    assert "://" not in DOCKERFILE.replace("http://127.0.0.1:8000/health", "")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in ignored


def test_the_stand_ins_settings_are_what_they_print() -> None:
    command = [word for word in OURS["standins"]["command"] if word not in ("--host", "0.0.0.0")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "entrypoints.cli", *command, "--amazon-port", "0", "--quickbooks-port", "0"],
        stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Running" in line:
                break
    finally:
        process.terminate()
        process.wait(20)
    exported = dict(re.findall(r"export (\w+)='([^']*)'", "".join(printed)))
    file = (ROOT / "standins.env").read_text(encoding="utf-8")
    stored = dict(line.split("=", 1) for line in file.splitlines() if line and not line.startswith("#"))

    def without_ports(values: dict[str, str]) -> dict[str, str]:
        return {name: re.sub(r"standins:\d+", "standins", value) for name, value in values.items()}

    assert without_ports(exported) == without_ports(stored)
    assert load(stored).quota_speed == float(stored["ML_CONNECTOR_QUOTA_SPEED"])
    for token in re.findall(r"refresh token: (\S+)", "".join(printed)):
        assert token in file
