"""The commands on one model, without a study around it: ``fit``, ``evaluate`` and ``sample``."""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.image import imsave

from flowdepth.api import LogLikelihood, TrainedModel, load
from flowdepth.base.errors import UserError
from flowdepth.base.files import alone, write_bytes, write_frame
from flowdepth.data import catalogue, inputs, prepared
from flowdepth.data.given import Given, given
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.settings.sections import Dataset, PackSettings, TrainSettings
from flowdepth.settings.study import Study, read_study
from flowdepth.settings.written import read
from flowdepth.stages.describe import describe_images
from flowdepth.stages.pack import PackCommand
from flowdepth.stages.prepare import prepare_images
from flowdepth.stages.train import train_pack
from flowdepth.study import layout, provenance
from flowdepth.study.check import check
from flowdepth.study.leftovers import forget

SECTIONS = ("dataset", *TrainSettings.model_fields)


def fit(args: argparse.Namespace) -> None:
    """Prepare the images and train, as a study does."""
    model = layout.outputs("train", args.output)["model"]
    _refuse_existing(model)
    study = _study(args)
    check(study)
    print(catalogue.understood(study.dataset), flush=True)
    with alone(args.output):
        _refuse_existing(model)
        _fit(args, study)
    print(f"wrote {model}")


def _fit(args: argparse.Namespace, study: Study) -> None:
    prepare_images(study.dataset, args.output)
    describe_images(study.dataset, args.output)
    text = study.pack_settings("train")
    (trained,) = train_pack(
        PackCommand(
            settings=PackSettings.model_validate_json(text),
            text=text,
            depth=args.depth,
            seeds=(args.seed,),
            images=layout.outputs("prepare", args.output)["images"],
            folder=args.output,
            device=args.device,
        )
    )
    forget(args.output)
    if trained.failed:
        _refuse_failed(trained.message, args.output)


def _refuse_failed(message: str, folder: Path) -> None:
    """Raise `UserError`, without the model that nothing can be done with."""
    outputs = layout.outputs("train", folder)
    for path in (layout.provenance("train", folder), outputs["model"]):
        path.unlink()
    raise UserError(
        f"training failed: {message} ({outputs['history']} has the epochs before); lower "
        "training.learning_rate, or change the model, and fit again"
    )


def _study(args: argparse.Namespace) -> Study:
    settings: dict[str, Any] = {"name": "fit", "depths": [args.depth], "seeds": [args.seed]}
    for text in ("dataset.name=images", *args.set):
        _set(settings, text)
    study = read_study(settings)
    return study.model_copy(update={"dataset": _images_at(args.images, study.dataset)})


def _set(settings: dict[str, Any], text: str) -> None:
    path, equals, value = text.partition("=")
    *sections, key = path.split(".")
    if not equals or not sections or sections[0] not in SECTIONS:
        raise UserError(
            f"--set: found {text}, expected SECTION.KEY=VALUE, such as training.epochs=20, of the "
            f"sections {', '.join(SECTIONS)}"
        )
    for section in sections:
        inner = settings.get(section)
        settings[section] = settings = inner if isinstance(inner, dict) else {}
    settings[key] = read(value, f"--set {path}")


def evaluate(args: argparse.Namespace) -> None:
    """Print the estimates of images, and write them by image where asked for."""
    _refuse_existing(args.output)
    model = load(args.model, args.seed)
    images = _to_score(args, model)
    print(f"K = {model.header.depth}, seed {model.seed}: {len(images.x)} images", flush=True)
    found = model.log_likelihood(images.x, args.samples, annealed=args.annealed)
    for split in dict.fromkeys(images.splits):
        chosen = torch.tensor([other == split for other in images.splits])
        print(f"{int(chosen.sum())} {_WORTH[split]}:")
        _print(LogLikelihood(*(values[chosen] for values in found)))
    if args.output:
        columns = {name: value.numpy() for name, value in found._asdict().items()}
        frame = pd.DataFrame({"image": images.names, "split": images.splits, **columns})
        write_frame(frame, args.output)


_WORTH = {
    "": "images that its study does not know",
    "test": "test images of its study",
    "validation": "images that chose its best epoch, which are no test of it",
    "train": "images that it was trained on, which are no test of it",
}


def _to_score(args: argparse.Namespace, model: TrainedModel) -> Given:
    folder = _study_of(args.model)
    kept = layout.outputs("prepare", folder)["images"] if folder else None
    if args.images and args.images.suffix == ".safetensors":
        kept, args.images = args.images, None
    if args.images is None:
        return _split(args, kept)
    if args.split:
        raise UserError(
            f"--split: found {args.split} beside {args.images}, of which every image is scored; "
            "leave out one of the two"
        )
    record = provenance.read(layout.provenance("prepare", folder)) if folder else {}
    own = prepared.load(kept) if kept and kept.exists() else None
    if own is None:
        print(f"which images trained {args.model} is not known: {kept or 'its study'} is not there")
    sums = record.get("source", {}).get("own_images", "")
    return given(_as_the_study(args, model, record.get("settings", {})), own, sums)


def _split(args: argparse.Namespace, kept: Path | None) -> Given:
    if kept is None:
        raise UserError(
            f"{args.model}: found no prepared images of its study beside it; give the images to "
            "be scored, or the study's data/images.safetensors"
        )
    split = args.split or "test"
    x = inputs.observed(prepared.load(kept), split, torch.float32)
    return Given(x, [*map(str, range(len(x)))], [split] * len(x))


def _study_of(trained: Path) -> Path | None:
    """Return the folder with the images that a model was trained on, where it is known."""
    folders = (trained.parent, *trained.absolute().parents[2:3])
    return next((f for f in folders if layout.provenance("prepare", f).exists()), None)


def _as_the_study(args: argparse.Namespace, model: TrainedModel, known: dict[str, Any]) -> Dataset:
    """Return the settings by which images are read and binarised as the model's own were."""
    likelihood = model.header.settings.model.likelihood
    settings: dict[str, Any] = {
        **{"name": "score", "depths": [0], "seeds": [0], "model": {"likelihood": likelihood}},
        "dataset": {
            "binarisation": "none" if likelihood == "normal" else "static",
            **known,
            "name": "images",
        },
    }
    for text in args.set:
        if not text.startswith("dataset."):
            raise UserError(f"--set: found {text}, expected of the section dataset alone")
        _set(settings, text)
    return _images_at(args.images, read_study(settings).dataset)


def _images_at(path: Path, dataset: Dataset) -> Dataset:
    """Return the settings for the file ``path``, whose name a shell has read already."""
    return dataset.model_copy(update={"root": str(path)})


def _print(found: LogLikelihood) -> None:
    count = len(found.log_p)
    over_images = found.log_p.std() / math.sqrt(count) if count > 1 else math.nan
    monte_carlo = found.mcse.square().sum().sqrt() / count
    print(f"  NLL {-found.log_p.mean():.3f} nats")
    over = f"{over_images:.3f} over images, " if count > 1 else ""
    print(f"  standard error {over}{monte_carlo:.3f} by Monte Carlo")
    if found.ess.isnan().all():
        return
    tails = found.k_hat[~found.k_hat.isnan()]
    share = (tails > K_HAT_LIMIT).float().mean()
    print(f"  effective sample size {found.ess.mean():.1f} on average")
    print(f"  k_hat above {K_HAT_LIMIT}: {share:.1%} of the images")


def sample(args: argparse.Namespace) -> None:
    """Write images from the prior."""
    _refuse_existing(args.output)
    if args.number < 1 or args.output.suffix not in (".npz", ".png"):
        raise UserError(
            f"sample: found --number {args.number} and --output {args.output}, expected at least "
            "one image and a name that ends in .npz or .png"
        )
    model = load(args.model, args.seed)
    images = model.sample(args.number, args.noise).numpy()
    content = io.BytesIO()
    if args.output.suffix == ".npz":
        np.savez(content, images=images)
    else:
        _save_picture(content, _mosaic(images))
    write_bytes(args.output, content.getvalue())
    number, height, width = images.shape
    print(f"wrote {number} images of {height} x {width} pixels to {args.output}")


def _save_picture(file: io.BytesIO, picture: np.ndarray) -> None:
    from flowdepth.report import style  # imports seaborn, which takes a second

    nameless: dict[str, Any] = {"Software": None}
    with style.visual_language():
        imsave(file, picture, cmap=style.GREYS, format="png", metadata=nameless)


def _mosaic(images: np.ndarray) -> np.ndarray:
    """Return the images [N, H, W] row by row in a picture about as many images wide as high."""
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    empty = np.zeros((rows * columns - len(images), *images.shape[1:]), images.dtype)
    tiles = np.concatenate([images, empty]).reshape(rows, columns, *images.shape[1:])
    return tiles.swapaxes(1, 2).reshape(rows * images.shape[1], -1)


def _refuse_existing(path: Path | None) -> None:
    if path and path.exists():
        raise UserError(f"{path}: exists already; delete it, or give another --output")
