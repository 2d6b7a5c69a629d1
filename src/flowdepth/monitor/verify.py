"""Whether finished studies are as they were written: python -m flowdepth.monitor.verify FOLDER...

Every sum is computed again: of figures, page and paper, and of each provenance itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flowdepth.study import provenance


def verdict(folder: Path) -> tuple[str, bool]:
    """Return what to say of the study in ``folder``, and whether all of it is well."""
    records = [*provenance.records(folder)]
    if not records:
        return f"{folder}: no results to verify; run the study first", False
    faults = [fault for record in records for fault in provenance.faults(record)]
    if faults:
        return "\n".join(dict.fromkeys(faults)), False
    files = sum(len(provenance.read(record)["outputs"]) for record in records)
    return f"{folder}: {files} files of {len(records)} jobs are as they were written", True


def main() -> None:
    """Print a verdict on each folder; exit with 1 if one of them is not well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="results/<study>")
    verdicts = [verdict(folder) for folder in parser.parse_args().folders]
    print("\n".join(said for said, _ in verdicts))
    sys.exit(not all(well for _, well in verdicts))


if __name__ == "__main__":
    main()
