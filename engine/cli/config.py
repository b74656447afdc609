"""`onbeat config`: the settings in force and where each one came from."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.config import meaning
from engine.config_sources import LoadedConfig, load_config

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Read settings from FILE instead of onbeat.toml.", show_default=False
    ),
]
"""The option every command with settings has."""

config_app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)


@config_app.callback()
def config_command() -> None:
    """Show the settings in force."""


@config_app.command("show")
def show(
    *,
    config: ConfigFile = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say where each value came from and what it does.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print each setting, in a form that onbeat.toml takes.

    With --explain each value has its origin and its meaning: a table in a terminal, tab-separated lines in a pipe.
    """
    loaded = load_config(config_file=config)
    if as_json:
        typer.echo(as_json_text(loaded, explain=explain))
    elif not explain:
        typer.echo("\n".join(as_toml_lines(loaded)))
    elif sys.stdout.isatty():
        Console().print(_table(loaded))
    else:
        typer.echo("\n".join("\t".join(row) for row in _explanations(loaded)))


def as_toml_lines(loaded: LoadedConfig) -> list[str]:
    """The settings as lines of `onbeat.toml`, which read back as the same settings."""
    return [f"{name} = {_toml(value)}" for name, value in loaded.config]


def as_json_text(loaded: LoadedConfig, *, explain: bool) -> str:
    """The settings as a JSON object; with `explain` each is an object of value, origin and meaning."""
    values = loaded.config.model_dump(mode="json")
    if explain:
        values = {
            name: {"value": value, "origin": str(loaded.origins[name]), "meaning": meaning(name)}
            for name, value in values.items()
        }
    return json.dumps(values, indent=2)


def _explanations(loaded: LoadedConfig) -> list[tuple[str, str, str, str]]:
    return [(name, _plain(value), str(loaded.origins[name]), meaning(name)) for name, value in loaded.config]


def _table(loaded: LoadedConfig) -> Table:
    table = Table("setting", "value", "where from, and meaning", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = True
    for name, value, origin, sentence in _explanations(loaded):
        style = "dim" if origin == "default" else "bold"
        table.add_row(Text(name, style), Text(value, style), Text.assemble((origin, style), "\n", sentence))
    return table


def _plain(value: object) -> str:
    """A value as one writes it in the environment."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _toml(value: object) -> str:
    if value is None or isinstance(value, str | Path):
        return json.dumps(_plain(value), ensure_ascii=False)
    return _plain(value)
