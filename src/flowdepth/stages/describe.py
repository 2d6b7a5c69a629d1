"""Describe the images of a study: where they came from, and what its report must tell of them."""

from __future__ import annotations

import json
from pathlib import Path

from flowdepth.base.files import write_text
from flowdepth.data import prepared
from flowdepth.data.catalogue import reader
from flowdepth.data.peculiarities import peculiarities
from flowdepth.data.prepare import describe, read
from flowdepth.report.limits import limits
from flowdepth.settings.sections import Dataset
from flowdepth.stages.command import dataset_command, run
from flowdepth.study import layout, stamps
from flowdepth.study.provenance import Recorder


def main() -> None:
    """Read the command line and describe the images."""
    describe_images(*dataset_command(__doc__))


def describe_images(dataset: Dataset, folder: Path) -> None:
    """Write the facts about the prepared images beside them."""
    images = layout.outputs("prepare", folder)["images"]
    chosen = [f"data.readers.{reader(dataset)}"]
    code = stamps.of_stage("describe", *chosen)
    recorder = Recorder("describe", [images], dataset.canonical({"root"}), code)
    facts = describe(prepared.load(images), dataset)
    facts["peculiarities"] = peculiarities(read(dataset))
    for sentence in limits(facts):
        print(f"warning: {sentence}")
    path = layout.outputs("describe", folder)["facts"]
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    print(f"wrote {path}")
    recorder.write(layout.provenance("describe", folder), [path])


if __name__ == "__main__":
    run(main)
