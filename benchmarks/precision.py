"""What a precision does to a trained pack's NLL, against float64 -> results/precision.csv.

Both draw the same noise. Where there is no CUDA, TF32 is emulated: the factors of encoder and
decoder are rounded to its 10 bits, the flow's are not.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.clock import seconds
from benchmarks.results import tabulate, write
from flowdepth.compute.devices import select
from flowdepth.compute.streams import image_normals
from flowdepth.data import inputs, prepared
from flowdepth.estimation import importance
from flowdepth.model import checkpoint
from flowdepth.model.dense import Dense
from flowdepth.model.vae import FlowVAE

_ROUNDS = 3
# Of float32's 23 bits after the leading one TF32 keeps 10.
_DROPPED = 13


def main() -> None:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path, nargs="+", help="folder of a trained pack")
    parser.add_argument("--images", type=int, default=1000, help="test images (default: 1000)")
    parser.add_argument("--samples", type=int, default=1000, help="default: 1000")
    args = parser.parse_args()
    write("precision", [r for p in args.pack for r in measure(p, args.images, args.samples)])
    tabulate("precision", summary)


def measure(pack: Path, count: int, samples: int) -> Iterator[dict[str, Any]]:
    """Yield a row per precision: effect on the NLL in nats, and the rate against float32's."""
    device = select("auto", 1)
    model, header = checkpoint.load(pack / "model.safetensors", device)
    data = prepared.load(pack.parents[1] / "data" / "images.safetensors").to(device)
    x = inputs.observed(data, "test", torch.float32)[:count]

    def log_p(of: FlowVAE, images: Tensor) -> Tensor:
        with patch.object(importance, "image_normals", _drawn_in_float32):
            return importance.estimate(of, images, header.seeds, samples).log_p

    exact = log_p(copy.deepcopy(model).double(), x.double())
    base = 0.0
    for precision, prepare in _PRECISIONS.items():
        chosen = prepare(copy.deepcopy(model))
        select("auto", 1, precision)
        effect = exact - log_p(chosen, x)
        time = median(seconds(lambda of=chosen: log_p(of, x)) for _ in range(_ROUNDS))
        base = base or time
        yield {
            "pack": f"{pack.parents[1].name}, K = {header.depth}",
            "precision": precision,
            "mean": effect.mean(1).abs().max().item(),
            "image": effect.square().mean().sqrt().item(),
            "rate": base / time,
            "emulated": precision == "tf32" and device.type == "cpu",
        }


def _drawn_in_float32(*path: object, dtype: torch.dtype, **kind: object) -> Tensor:
    return image_normals(*path, dtype=torch.float32, **kind).to(dtype)


def _with_bf16_decoder(model: FlowVAE) -> FlowVAE:
    model.bf16_decoder = True
    return model


def _with_tf32(model: FlowVAE) -> FlowVAE:
    """Round the factors of dense layers, unless the device does."""
    for layer in model.modules():
        if isinstance(layer, Dense) and not layer.weight.is_cuda:
            layer.weight.data = _rounded(layer.weight.data)
            layer.register_forward_pre_hook(_round_input)
    return model


def _round_input(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    return _rounded(inputs[0])


def _rounded(t: Tensor) -> Tensor:
    """Round float32 to TF32's bits, halves to even."""
    bits = t.contiguous().view(torch.int32)
    half = (1 << (_DROPPED - 1)) - 1 + ((bits >> _DROPPED) & 1)
    return ((bits + half) >> _DROPPED << _DROPPED).view(torch.float32)


_PRECISIONS: dict[str, Callable[[FlowVAE], FlowVAE]] = {
    "float32": lambda model: model,
    "tf32": _with_tf32,
    "bf16": _with_bf16_decoder,
}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the effects in nats and the rates, as text; none of an emulation."""
    return pd.DataFrame(
        {
            "pack": rows["pack"],
            "precision": rows["precision"] + rows["emulated"].map({True: " (emulated)", False: ""}),
            "effect on the mean NLL, largest over seeds": rows["mean"].map("{:.1e}".format),
            "on an image, root mean square": rows["image"].map("{:.1e}".format),
            "rate": rows["rate"].map("{:.2f}".format).mask(rows["emulated"], ""),
        }
    )


if __name__ == "__main__":
    main()
