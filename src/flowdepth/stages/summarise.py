"""Packs' numbers, and a baseline of the same images -> the study's tables.

metrics.csv has a row per depth and seed, summary.csv a row per depth, comparisons.csv a row per
pair of depths, convergence.csv a row per depth and number of importance samples, certificate.csv a
row per depth. Where test images were annealed, every NLL but that of convergence.csv is corrected
for the bias of importance sampling.
"""

from __future__ import annotations

from flowdepth.analysis.summary import study_tables
from flowdepth.base.files import write_frame
from flowdepth.data import prepared
from flowdepth.estimation.baselines import baseline
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and write the tables."""
    command = study_command(__doc__)
    prepared_images = layout.outputs("prepare", command.folder)["images"]
    read = [prepared_images]
    for pack in command.packs:
        evaluated = layout.outputs("evaluate", pack)
        read += [evaluated[name] for name in ("metrics", "per_image", "convergence")]
        if command.study.certify.images:
            read += [evaluated["examples"], layout.outputs("certify", pack)["certify"]]
    recorder = command.recorder("summarise", read)
    written = layout.outputs("summarise", command.folder)
    columns = baseline(prepared.load(prepared_images), command.study.model)
    tables = study_tables(command.study, command.packs, columns)
    recorder.confirm()
    for name, table in tables.items():
        write_frame(table, written[name])
        print(f"wrote {written[name]}: {len(table)} rows")
    recorder.write(layout.provenance("summarise", command.folder), written.values())


if __name__ == "__main__":
    run(main)
