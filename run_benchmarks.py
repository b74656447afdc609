"""Benchmarks of Onbeat, measured in turn against what they are compared with: `python run_benchmarks.py --help`."""

import argparse
import sys
from pathlib import Path

from benchmarks.catalogue import NAMES
from benchmarks.running import Wanted, compare_files, document, run


def main() -> int:
    """Run the scenarios asked for; 1 when a limit is broken or something is worse than it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--quick", action="store_const", const="quick", dest="mode", help="a smoke test, under 2 minutes"
    )
    scale.add_argument("--record", action="store_const", const="record", dest="mode", help="as long as honesty needs")
    parser.add_argument("--scenario", action="append", choices=[*NAMES, "all"], default=[], help="this one; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures here")
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="write the pictures here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="find what is worse than in this report")
    parser.add_argument("--with", type=Path, metavar="NEW.json", dest="new", help="compare this one: run nothing")
    parser.add_argument(
        "--document", type=Path, nargs="+", metavar="REPORT.json", help="print docs/performance.md: run nothing"
    )
    arguments = parser.parse_args()
    if arguments.document:
        print(document(arguments.document), end="")
        return 0
    if arguments.new:
        if not arguments.compare:
            parser.error("--with NEW.json needs --compare OLD.json")
        return compare_files(arguments.compare, arguments.new)
    names = () if "all" in arguments.scenario else tuple(arguments.scenario)
    return run(
        Wanted(
            mode=arguments.mode or "default",
            names=names,
            json=arguments.json,
            html=arguments.html,
            png=arguments.png,
            compare=arguments.compare,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
