"""A trained pack on disk: safetensors with a header that says what it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import TrainSettings, flat


@dataclass(frozen=True)
class Header:
    """What a model file says of itself; ``outcomes`` holds a dictionary a seed."""

    settings: TrainSettings
    depth: int
    pixels: int
    outcomes: list[dict[str, Any]]

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
                    "delete it and train again"
                )


def _identity(settings: TrainSettings, depth: int, seeds: Sequence[int]) -> dict[str, Any]:
    return {"depth": depth, "seeds": [*seeds], **dict(flat(settings.model_dump(mode="json")))}


def save(path: Path, model: FlowVAE, header: Header) -> None:
    """Write the model's stacked parameters and its header to ``path``, whole or not at all."""
    facts = {
        "settings": header.settings.model_dump(mode="json"),
        "depth": header.depth,
        "pixels": header.pixels,
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
        header = Header(
            settings=TrainSettings.model_validate(facts["settings"]),
            depth=facts["depth"],
            pixels=facts["pixels"],
            outcomes=facts["outcomes"],
        )
        model = build(
            header.settings.model, header.settings.flow, header.depth, header.pixels, header.seeds
        )
        model.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: not a readable model ({reason}); delete it and train again"
        ) from error
    return model.to(device).eval(), header


def replica(model: FlowVAE, header: Header, row: int) -> FlowVAE:
    """Return one seed of a pack as a model of one replica, in evaluation mode."""
    settings, seed = header.settings, header.seeds[row : row + 1]
    one = build(settings.model, settings.flow, header.depth, header.pixels, seed)
    one.load_state_dict({name: t[row : row + 1] for name, t in model.state_dict().items()})
    return one.eval()
