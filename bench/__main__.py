"""`python -m bench [rows…] [--quick]`: measure the rows of the performance table, print them, keep the report.

Its one rule: speed is never an assertion. It ends with 0 whatever the figures say, and with 1 only if a row broke.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
import traceback

from . import rows as package
from .bed import Bed
from .report import Report, show

ORDER = (
    "receiver_warm",
    "receiver_start",
    "function_start",
    "normalising",
    "receiving",
    "hot_tenant",
    "pushing",
    "pages",
    "searching",
    "acknowledging",
    "socket_latency",
    "http_requests",
    "memory",
    "layer_size",
)
SIZED = {"pages", "searching"}
"""What `--messages` is about: a run of these at a size has a report of its own."""


def main() -> int:
    """Run the benchmark."""
    known = {module.name for module in pkgutil.iter_modules(package.__path__)}
    choices = [name for name in ORDER if name in known]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rows", nargs="*", metavar="row", help=f"only these: {', '.join(choices)}")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: a minute instead of five; keeps no report")
    parser.add_argument("--direct", action="store_true", help="prepare statements, as where no pooler is in between")
    parser.add_argument("--messages", type=int, help="how many messages to search and to page in")
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(choices):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    wanted = [name for name in choices if name in chosen.rows] or choices
    report = Report(quick=chosen.quick)
    bed = Bed(quick=chosen.quick, pooled=not chosen.direct, messages=chosen.messages)
    try:
        for number, name in enumerate(wanted, 1):
            _measure(name, f"[{number}/{len(wanted)}]", bed, report)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    finally:
        bed.close()
    print(report.table())
    if chosen.messages and set(wanted) == SIZED and not (chosen.quick or chosen.direct):
        report.keep(whole=True, name=f"{chosen.messages}-messages")
    else:
        report.keep(whole=not (chosen.quick or chosen.rows or chosen.direct or chosen.messages))
    return 1 if report.broken else 0


def _measure(name: str, position: str, bed: Bed, report: Report) -> None:
    module = importlib.import_module(f"{package.__name__}.{name}")
    print(f"{position} {module.TITLE}", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        for row in module.rows(bed):
            report.rows.append(row)
            print(f"    {show(row)}", file=sys.stderr, flush=True)
    except Exception as error:  # noqa: BLE001 - the other rows are still worth having
        traceback.print_exc()
        report.broken[name] = f"{type(error).__name__}: {error}"
    report.seconds[name] = round(time.monotonic() - began, 1)


if __name__ == "__main__":
    sys.exit(main())
