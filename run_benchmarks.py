"""Benchmarks of Onbeat, measured in turn against what they are compared with: `python run_benchmarks.py --help`."""

import argparse
import sys
from collections.abc import Callable

from benchmarks import accuracy, decode, detector, jobs, memory, models, offline, simulation, stages, streams, ticker
from benchmarks.material import NoMaterial


def main() -> int:
    """Run the scenarios asked for; 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scenario",
        choices=[
            "offline",
            "decode",
            "accuracy",
            "jobs",
            "memory",
            "streams",
            "ticker",
            "detector",
            "models",
            "stages",
            "simulation",
            "all",
        ],
        default="all",
    )
    parser.add_argument("--files", type=int, default=200, help="files in a folder (offline)")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long file (offline)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of one trial (streams)")
    parser.add_argument("--whole", action="store_true", help="every machine and seed, which takes an hour (simulation)")
    arguments = parser.parse_args()
    scenarios: dict[str, Callable[[], bool]] = {
        "offline": lambda: offline.report(files=arguments.files, minutes=arguments.minutes, rounds=arguments.rounds),
        "decode": lambda: decode.report(rounds=arguments.rounds),
        "accuracy": accuracy.report,
        "detector": detector.report,
        "models": lambda: models.report(rounds=arguments.rounds),
        "stages": stages.report,
        "jobs": lambda: jobs.report(files=50 * arguments.files),
        "memory": lambda: memory.report(minutes=arguments.minutes, rounds=arguments.rounds),
        "simulation": lambda: simulation.report(quick=not arguments.whole),
        "ticker": lambda: ticker.report(seconds=arguments.seconds),
        "streams": lambda: streams.report(seconds=arguments.seconds),
    }
    good = True
    for name, scenario in scenarios.items():
        if arguments.scenario not in (name, "all"):
            continue
        print(f"== {name}")
        try:
            good = scenario() and good
        except NoMaterial as reason:
            print(f"skipped: {reason}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
