"""Train one depth for a pack of seeds."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from flowdepth.analysis.columns import HISTORY
from flowdepth.base.files import write_text
from flowdepth.compute.devices import select, used
from flowdepth.data import prepared
from flowdepth.model import checkpoint
from flowdepth.stages.command import run
from flowdepth.stages.pack import PackCommand, pack_command, sidecar, tell
from flowdepth.study import layout
from flowdepth.training.pack import train
from flowdepth.training.record import SeedRecord


def main() -> None:
    """Read the command line and train."""
    train_pack(pack_command(__doc__))


def train_pack(command: PackCommand) -> list[SeedRecord]:
    """Train, and write model, history and provenance; return what became of the seeds."""
    settings = command.settings.trained
    device = select(command.device, command.threads, settings.training.precision)
    recorder = command.recorder("train", [command.images])
    images = prepared.load(command.images).to(device)
    outputs = layout.outputs("train", command.folder)
    with sidecar(recorder, command, device) as bookmark:
        pack = train(
            settings, command.depth, command.seeds, images, device, bookmark=bookmark, log=tell
        )
        outcomes = [_outcome(record) for record in pack.records]
        recorder.confirm()
        header = checkpoint.Header(settings, command.depth, images.height, images.width, outcomes)
        checkpoint.save(outputs["model"], pack.model, header)
        _write_history(pack.records, outputs["history"])
        record = layout.provenance("train", command.folder)
        recorder.write(record, outputs.values(), bookmark.earlier, **used(device))
    return pack.records


def _outcome(record: SeedRecord) -> checkpoint.Outcome:
    return {
        "seed": record.seed,
        "status": "failed" if record.failed else "done",
        "message": record.message,
        "best_epoch": record.best_epoch,
        "epochs": len(record.history),
    }


def _write_history(records: list[SeedRecord], path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"seed": record.seed, **row} for record in records for row in record.history)
    write_text(path, text.getvalue())


if __name__ == "__main__":
    run(main)
