"""What the docs promise to list is listed: every reason to hold, every command. A list that lags is worse than none."""

import re
from pathlib import Path

import typer.main

from entrypoints.cli import app

ROOT = Path(__file__).parents[1]


def test_every_reason_to_hold_is_explained_to_bookkeepers() -> None:
    accounting = (ROOT / "docs" / "accounting.md").read_text(encoding="utf-8")
    codes = {
        code
        for file in [*ROOT.glob("domain/**/*.py"), *ROOT.glob("application/*.py")]
        for code in re.findall(r'Reason\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8"))
    }
    assert len(codes) > 15
    assert sorted(code for code in codes if f"`{code}`" not in accounting) == []


def test_every_command_is_described() -> None:
    described = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    assert len(names) > 15
    assert [name for name in names if f"`{name}" not in described] == []
