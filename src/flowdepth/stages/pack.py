"""What the stages on a pack of seeds share: their command line, unfinished work, progress."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from flowdepth.base import heartbeat
from flowdepth.compute.devices import kind, select, used
from flowdepth.compute.resume import INTERVAL, Sidecar
from flowdepth.compute.streams import generator
from flowdepth.data import inputs, prepared
from flowdepth.data.prepared import Images
from flowdepth.model import checkpoint
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import PackSettings
from flowdepth.settings.study import pack_name
from flowdepth.stages.command import add_study
from flowdepth.study import layout, stamps
from flowdepth.study.leftovers import forget
from flowdepth.study.provenance import Recorder

_SECONDS_BETWEEN_LINES = 10


class PackCommand(NamedTuple):
    """What a stage on a pack is told; ``text`` is the JSON of ``settings``."""

    settings: PackSettings
    text: str
    depth: int
    seeds: tuple[int, ...]
    images: Path
    folder: Path
    device: str = "auto"
    threads: int = 1
    save_every: float = INTERVAL

    def recorder(self, stage: str, inputs: Sequence[Path]) -> Recorder:
        """Return the recorder of this job."""
        cell = {"depth": self.depth, "seeds": self.seeds}
        chosen = [f"model.flows.{self.settings.flow.kind}"]
        return Recorder(stage, inputs, self.text, stamps.of_stage(stage, *chosen), **cell)


def pack_command(description: str | None, words: Sequence[str] | None = None) -> PackCommand:
    """Read the command line of a stage on a pack."""
    parser = argparse.ArgumentParser(description=description)
    add_study(parser, "model, flow, objective, training and the stage's own section, as JSON")
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--save-every",
        type=float,
        default=INTERVAL,
        metavar="SECONDS",
        help="between two saves of unfinished work, beside the outputs (default: %(default)g)",
    )
    args = parser.parse_args(words)
    seeds = tuple(args.seeds)
    return PackCommand(
        settings=PackSettings.model_validate_json(args.settings),
        text=args.settings,
        depth=args.depth,
        seeds=seeds,
        images=layout.outputs("prepare", args.study)["images"],
        folder=layout.pack(args.study, args.depth, pack_name(seeds)),
        device=args.device,
        threads=args.threads,
        save_every=args.save_every,
    )


class TrainedPack(NamedTuple):
    """A trained pack at hand: its command, model and test images ``x`` [N, P], all on ``device``.

    ``recorder`` keeps what this job has read.
    """

    command: PackCommand
    model: FlowVAE
    header: checkpoint.Header
    images: Images
    x: Tensor
    bookmark: Sidecar
    device: torch.device
    recorder: Recorder

    def outputs(self) -> dict[str, Path]:
        """Return the files to write by name, unless another job has written the inputs again.

        Raises
        ------
        UserError
            If one has.
        """
        self.recorder.confirm()
        return layout.outputs(self.recorder.facts["stage"], self.command.folder)


@contextmanager
def trained_pack(
    stage: str, command: PackCommand, precision: str = "float32", others: Sequence[Path] = ()
) -> Iterator[TrainedPack]:
    """Give the pack that ``stage`` works on; record what it wrote, once the block ends well.

    ``others`` are files that it reads beside images and model.

    Raises
    ------
    UserError
        If images or model are missing, damaged, or those of another pack.
    """
    device = select(command.device, command.threads, precision)
    path = layout.outputs("train", command.folder)["model"]
    recorder = command.recorder(stage, [command.images, path, *others])
    images = prepared.load(command.images).to(device)
    model, header = checkpoint.load(path, device)
    header.require(path, command.settings.trained, command.depth, command.seeds)
    forget(command.folder, "train")
    x = inputs.observed(images, "test", torch.float32)
    with sidecar(recorder, command, device) as bookmark:
        yield TrainedPack(command, model, header, images, x, bookmark, device, recorder)
        record, written = (
            layout.provenance(stage, command.folder),
            layout.outputs(stage, command.folder),
        )
        recorder.write(record, written.values(), bookmark.earlier, **used(device))


def sub_sample(images: Images, count: int) -> list[int]:
    """Return the numbers of ``count`` test images at random, the same for every stage and model.

    A larger sub-sample holds the smaller ones.
    """
    order = torch.randperm(len(images.test), generator=generator(images.seed, "certify"))
    return sorted(order[:count].tolist())


def sidecar(recorder: Recorder, command: PackCommand, device: torch.device) -> Sidecar:
    """Return where a job keeps its unfinished work: a file that no rule declares.

    Nothing goes on from it with other settings or code, other contents of the job's inputs, or
    another torch, kind of device or instruction set.
    """
    identity = {
        **recorder.facts,
        "code": recorder.code,
        "torch": torch.__version__,
        **kind(device),
        "inputs": list(recorder.inputs.values()),
    }
    path = layout.unfinished(recorder.facts["stage"], command.folder)
    return Sidecar(path, identity, command.save_every, tell)


def tell(line: str) -> None:
    """Print a line, if anybody reads it yet, and have the heartbeat say it.

    Whoever reads may have been told to stop as well; the job then has work to save.
    """
    with suppress(BrokenPipeError):
        print(line, flush=True)
    heartbeat.says(line)


class Progress:
    """Prints how many of ``total`` are done, and the time left at the pace since the first call."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit = total, unit
        self.first: int | None = None
        self.start = self.last = time.perf_counter()

    def __call__(self, done: int, note: str = "") -> None:
        """Print a line if the last one is some time ago, or all is done."""
        now = time.perf_counter()
        if self.first is None:
            self.first, self.start = done, now
        if done == self.total or now - self.last > _SECONDS_BETWEEN_LINES:
            self.last = now
            left = (now - self.start) * (self.total - done) / max(1, done - self.first)
            tell(f"{done} of {self.total} {self.unit}  {note}{left:.0f} s left")
