"""Prepare the images of a study: read, split and binarise."""

from __future__ import annotations

from pathlib import Path

from flowdepth.data import prepared
from flowdepth.data.catalogue import reader, source
from flowdepth.data.prepare import read, split
from flowdepth.settings.sections import Dataset
from flowdepth.stages.command import dataset_command, run
from flowdepth.study import layout, stamps
from flowdepth.study.provenance import Recorder


def main() -> None:
    """Read the command line and prepare the images."""
    prepare_images(*dataset_command(__doc__))


def prepare_images(dataset: Dataset, folder: Path) -> None:
    """Write the images into the folder of a study."""
    chosen = [f"data.readers.{reader(dataset)}"]
    code = stamps.of_stage("prepare", *chosen)
    recorder = Recorder("prepare", [], dataset.canonical({"root"}), code, source=source(dataset))
    where = "scikit-learn" if dataset.name == "digits" else dataset.root
    print(f"reading {dataset.name} from {where}", flush=True)
    found = read(dataset)
    images = split(found, dataset)
    path = layout.outputs("prepare", folder)["images"]
    prepared.save(images, path)
    sizes = ", ".join(f"{len(rows)} {name}" for name, rows in images.index.items())
    print(f"{sizes} images of {images.height} x {images.width} pixels")
    print(f"values up to {found.brightest}, taken as levels from 0 to {found.levels - 1}")
    recorder.write(layout.provenance("prepare", folder), [path])


if __name__ == "__main__":
    run(main)
