"""A trained pack on disk: safetensors with a header that says what it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import safetensors.torch
import torch
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError, safe_open
from torch import Tensor
from typing_extensions import TypedDict

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.base.words import reason
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import TrainSettings, flat
from flowdepth.settings.values import Count, Depth, Index

# What reading and filling raise where a header has other types or nesting.
_BROKEN = (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError)


class Outcome(TypedDict):
    """What became of a seed in training."""

    seed: Index
    status: Literal["done", "failed"]
    message: NotRequired[str]
    best_epoch: NotRequired[Index]
    epochs: NotRequired[Index]


@dataclass(frozen=True)
class Header:
    """What a model file says of itself, with an outcome a seed."""

    settings: TrainSettings
    depth: Depth
    height: Count
    width: Count
    outcomes: Annotated[list[Outcome], Field(min_length=1)]

    @property
    def pixels(self) -> int:
        """Number of pixels ``P`` of an image."""
        return self.height * self.width

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the pack, one a replica."""
        return tuple(outcome["seed"] for outcome in self.outcomes)

    def require(
        self, path: Path, settings: TrainSettings, depth: int, seeds: Sequence[int]
    ) -> None:
        """Raise `UserError` where the model at ``path`` is another one than the one expected."""
        found = _identity(self.settings, self.depth, self.seeds)
        for name, expected in _identity(settings, depth, seeds).items():
            if found[name] != expected:
                raise UserError(
                    f"{path}: found a model of {name} {found[name]}, expected {expected}; "
                    "move it away and train again"
                )


def _identity(settings: TrainSettings, depth: int, seeds: Sequence[int]) -> dict[str, Any]:
    return {"depth": depth, "seeds": [*seeds], **dict(flat(settings.model_dump(mode="json")))}


def save(path: Path, model: FlowVAE, header: Header) -> None:
    """Write the model's stacked parameters and its header to ``path``, whole or not at all."""
    facts = {
        "settings": header.settings.model_dump(mode="json"),
        "depth": header.depth,
        "height": header.height,
        "width": header.width,
        "outcomes": header.outcomes,
    }
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    # One entry: safetensors keeps several in no particular order, and bytes would differ.
    write_bytes(
        path, safetensors.torch.save(tensors, {"header": json.dumps(facts, sort_keys=True)})
    )


def load(path: Path, device: torch.device | str = "cpu") -> tuple[FlowVAE, Header]:
    """Return the model saved at ``path``, in evaluation mode, and its header.

    Raises
    ------
    UserError
        If the file is missing, torn, or not a model of this package.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["header"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = TypeAdapter(Header).validate_python(facts)
        model = _filled(header, state)
    except _BROKEN as error:
        raise UserError(
            f"{path}: found no model ({reason(error)}), expected a model.safetensors as a study "
            "leaves it in results/<study>/K<depth>/seeds<pack>, or `flowdepth fit` in its folder"
        ) from error
    return model.to(device).eval(), header


def _filled(header: Header, state: dict[str, Tensor]) -> FlowVAE:
    """Return the model of these parameters: a header alone takes no memory, whatever it says."""
    settings = header.settings
    with torch.device("meta"):
        model = FlowVAE(
            settings.model, settings.flow, header.depth, header.pixels, len(header.seeds)
        )
    own = {name: value.to(torch.float32, copy=True) for name, value in state.items()}
    model.load_state_dict(own, assign=True)
    return model


def replica(model: FlowVAE, header: Header, row: int) -> FlowVAE:
    """Return one seed of a pack as a model of one replica, in evaluation mode."""
    settings, seed = header.settings, header.seeds[row : row + 1]
    one = build(settings.model, settings.flow, header.depth, header.pixels, seed)
    one.load_state_dict({name: t[row : row + 1] for name, t in model.state_dict().items()})
    return one.eval()
