"""The command ``flowdepth``: a study in a folder of one's own, or one model without a study."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from flowdepth.settings.datasets import SPLITS
from flowdepth.stages.command import guarded


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    args = _parser().parse_args(words)
    module, name = args.do.split(".")
    # One model takes torch, which takes a second to import; a study starts Snakemake.
    do: Callable[[argparse.Namespace], None] = getattr(
        import_module(f"flowdepth.cli.{module}"), name
    )
    guarded(lambda: do(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("flowdepth", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_init(commands.add_parser("init", help="begin a study in a folder of its own"))
    for name, words in (
        ("plan", "say what a study will take here, before it starts"),
        ("run", "run a study, or go on where it stopped"),
        ("status", "say how far a study is, and what is stale or damaged"),
        ("watch", "follow a running study"),
    ):
        _add_study(commands.add_parser(name, help=words), f"study.{name}")
    _add_fit(commands.add_parser("fit", help="train one model, or go on where a stop left it"))
    _add_evaluate(commands.add_parser("evaluate", help="estimate log p(x) of images"))
    _add_sample(commands.add_parser("sample", help="draw images from the prior"))
    return parser


def _add_init(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do="study.init")
    parser.add_argument("folder", type=Path, help="to make; the study is called as it is")


def _add_study(parser: argparse.ArgumentParser, do: str) -> None:
    parser.set_defaults(do=do)
    parser.add_argument("study", type=Path, help="the study's file, such as study.yaml")
    options: dict[str, Any] = {"nargs": argparse.REMAINDER, "metavar": "OPTION"}
    parser.add_argument("options", **options, help="of Snakemake, such as -n, --cores 4 or K8")


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do="model.fit")
    parser.add_argument("images", type=Path, help="folder of pictures, or file of arrays")
    parser.add_argument("--depth", type=int, required=True, help="number K of flow layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    _add_set(parser, "of config.yaml, such as training.epochs=20")


def _add_set(parser: argparse.ArgumentParser, words: str) -> None:
    setting: dict[str, Any] = {"action": "append", "default": [], "metavar": "SECTION.KEY=VALUE"}
    parser.add_argument("--set", **setting, help=words)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do="model.evaluate")
    _add_model(parser)
    parser.add_argument(
        "images",
        type=Path,
        nargs="?",
        help="every image of it is scored; without it, or for images.safetensors, a split of them",
    )
    parser.add_argument("--split", choices=SPLITS, help="of the model's own images; test if none")
    _add_set(parser, "how images are read, such as dataset.colour=grey")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples an image")
    distributions: dict[str, Any] = {"type": int, "metavar": "DISTRIBUTIONS"}
    parser.add_argument("--annealed", **distributions, help="anneal instead, such as 400")
    parser.add_argument("--output", type=Path, help=".csv to write, a row an image")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do="model.sample")
    _add_model(parser)
    parser.add_argument("--number", type=int, default=64)
    parser.add_argument("--noise", type=int, default=0, metavar="SEED", help="of the draw")
    parser.add_argument("--output", type=Path, required=True, help=".npz or .png to write")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model.safetensors")
    parser.add_argument("--seed", type=int, help="of the pack; the first finished one otherwise")
