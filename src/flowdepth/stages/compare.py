"""The results of several studies -> one page that lays them side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_text
from flowdepth.report.compare import page
from flowdepth.stages.command import run
from flowdepth.study.finished import EXAMPLE


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", required=True, type=Path, nargs="*", help="their folders")
    parser.add_argument("--output", required=True, type=Path)
    args = parser.parse_args()
    if not args.studies:
        raise UserError(f"studies: none named, expected finished ones: {EXAMPLE}")
    write_text(args.output, page(args.studies))
    print(f"wrote {args.output}")


if __name__ == "__main__":
    run(main)
