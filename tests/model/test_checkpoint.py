from __future__ import annotations

from pathlib import Path

import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Model, TrainSettings

SETTINGS = TrainSettings(model=Model(hidden=(5,), latent=2))


def pack(depth: int = 2) -> tuple[FlowVAE, checkpoint.Header]:
    outcomes = [
        {"seed": seed, "status": "done", "message": "", "best_epoch": 2, "epochs": 3}
        for seed in (4, 9)
    ]
    header = checkpoint.Header(SETTINGS, depth, 6, outcomes)
    return build(SETTINGS.model, Flow(), depth, 6, header.seeds), header


def test_model_comes_back_unchanged(tmp_path: Path) -> None:
    model, header = pack()
    with torch.no_grad():
        model.head.weight.add_(1)
    checkpoint.save(tmp_path / "model.safetensors", model, header)
    loaded, read = checkpoint.load(tmp_path / "model.safetensors")
    assert read == header
    assert read.seeds == (4, 9)
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        checkpoint.save(tmp_path / name, *pack())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_torn_missing_or_altered_model_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "whole", *pack())
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "torn").write_bytes(content[:-9])
    (tmp_path / "empty").touch()
    (tmp_path / "shallower").write_bytes(content.replace(b'\\"depth\\": 2', b'\\"depth\\": 1'))
    for name in ("torn", "empty", "missing", "shallower"):
        with pytest.raises(UserError, match=f"{name}: not a readable model .*train again"):
            checkpoint.load(tmp_path / name)


def test_model_of_another_pack_is_refused(tmp_path: Path) -> None:
    _, header = pack()
    header.require(tmp_path, SETTINGS, 2, (4, 9))
    other = SETTINGS.model_copy(update={"model": Model(hidden=(6,), latent=2)})
    wrong = {
        "depth 2, expected 4": (SETTINGS, 4, (4, 9)),
        r"seeds \[4, 9\], expected \[4\]": (SETTINGS, 2, (4,)),
        r"model.hidden \[5\], expected \[6\]": (other, 2, (4, 9)),
    }
    for words, asked in wrong.items():
        with pytest.raises(UserError, match=f"found a model of {words}; delete it"):
            header.require(tmp_path, *asked)
