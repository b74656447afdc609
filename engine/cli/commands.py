"""The commands of `onbeat` by name: each is in a file of its own, which is imported when it is run and not before."""

from dataclasses import dataclass
from importlib import import_module

import typer


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them: where it is, and what `onbeat --help` says of it."""

    name: str
    module: str
    member: str
    summary: str
    """The first line of its own help."""

    def load(self) -> typer.Typer:
        """The command as an application of its own; imports its file."""
        member = getattr(import_module(self.module), self.member)
        if isinstance(member, typer.Typer):
            return member
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(member)
        return alone


COMMANDS = (
    Command("run", "engine.cli.run", "run_command", "Transcribe recordings: `onbeat run calls/ -o transcripts/`."),
    Command(
        "stream",
        "engine.cli.stream",
        "stream_command",
        "Recognise while it is spoken: `onbeat stream talk.flac --realtime`.",
    ),
    Command(
        "bench",
        "engine.cli.bench",
        "bench_command",
        "Measure how many live streams this machine carries at once: `onbeat bench --vosk-model DIR`.",
    ),
    Command(
        "plan",
        "engine.cli.plan",
        "plan_command",
        "Say how many machines like this one so many live streams need, and what half as much again would do.",
    ),
    Command(
        "replay",
        "engine.cli.replay",
        "replay_command",
        "Decide again what a log says was seen: the same decisions, or the first that differs, with exit code 1.",
    ),
    Command(
        "doctor",
        "engine.cli.doctor",
        "doctor_command",
        "Show what is installed, which decoders, backends and models there are, and what of this machine may be used.",
    ),
    Command("jobs", "engine.cli.jobs", "jobs_app", "See, go on with and export folder runs."),
    Command("config", "engine.cli.config", "config_app", "Show the settings in force."),
    Command("models", "engine.cli.models", "models_app", "Inspect, measure, fetch and optimise models."),
)
"""In the order in which the help shows them."""
