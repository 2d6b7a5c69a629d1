"""Prepare the images of a study: read, split, binarise, and record where they came from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_text
from flowdepth.data import prepared
from flowdepth.data.prepared import Images
from flowdepth.report.limits import limits
from flowdepth.settings.sections import Dataset
from flowdepth.stages import command
from flowdepth.study.provenance import Job


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line and prepare the images."""
    parser = argparse.ArgumentParser(prog="python -m flowdepth.stages.prepare", description=__doc__)
    parser.add_argument("--settings", required=True, help="the section dataset, as JSON")
    parser.add_argument("--images", required=True, type=Path, help="safetensors file to write")
    parser.add_argument("--facts", required=True, type=Path, help="JSON file to write")
    parser.add_argument("--provenance", required=True, type=Path)
    arguments = parser.parse_args(words)
    dataset = _read(arguments.settings)
    job = Job("prepare", [], arguments.settings)
    facts = prepare(dataset, arguments.images, arguments.facts)
    written = [arguments.images, arguments.facts]
    job.write(arguments.provenance, written, sources=facts["sources"])


def _read(settings: str) -> Dataset:
    try:
        return Dataset.model_validate_json(settings)
    except ValidationError as error:
        details = "; ".join(
            f"{'.'.join(str(part) for part in mistake['loc'])}: {mistake['msg']}"
            for mistake in error.errors()
        )
        raise UserError(
            f"--settings: found {settings}, expected the section dataset as JSON ({details})"
        ) from None


def prepare(dataset: Dataset, images_path: Path, facts_path: Path) -> dict[str, object]:
    """Write the prepared images and the facts about them, which are returned."""
    print(f"reading {dataset.name}" + _origin(dataset), flush=True)
    images = prepared.prepare(dataset)
    facts = describe(images, dataset)
    prepared.save(images, images_path)
    write_text(facts_path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    sizes = ", ".join(f"{count} {split}" for split, count in facts["sizes"].items())
    print(f"{sizes} images of {images.height} x {images.width} pixels, {_pixels(images)}")
    for sentence in limits(facts):
        print(f"warning: {sentence}")
    print(f"wrote {images_path} and {facts_path}")
    return facts


def _origin(dataset: Dataset) -> str:
    return " from scikit-learn" if dataset.name == "digits" else f" from {dataset.root}"


def _pixels(images: Images) -> str:
    if images.levels == images.train_levels:
        return f"{images.levels} levels"
    return f"{images.levels} levels, in training {images.train_levels} until binarised each epoch"


def describe(images: Images, dataset: Dataset) -> dict[str, object]:
    """Return what identifies the images: name, sizes, and SHA-256 sums of pixels and sources."""
    return {
        "name": dataset.name,
        "height": images.height,
        "width": images.width,
        "levels": images.levels,
        "train_levels": images.train_levels,
        "binarisation": dataset.binarisation,
        "seed": dataset.seed,
        "sizes": {split: len(rows) for split, rows in images.index.items()},
        "sha256": prepared.digest(images),
        "index_sha256": {
            split: prepared.tensor_digest(rows) for split, rows in images.index.items()
        },
        "peculiarities": images.peculiarities,
        "sources": prepared.source_digests(dataset),
    }


if __name__ == "__main__":
    command.run(main)
