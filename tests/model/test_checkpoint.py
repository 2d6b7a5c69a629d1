from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

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
    header = checkpoint.Header(SETTINGS, depth, 2, 3, outcomes)
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
        with pytest.raises(UserError, match=f"{name}: found no model .*expected a model"):
            checkpoint.load(tmp_path / name)


WRONG: dict[str, Callable[[dict], object]] = {
    "list": lambda facts: [facts],
    "text": lambda facts: "depth",
    "nothing": lambda facts: {},
    "no seed": lambda facts: facts | {"outcomes": []},
    "outcomes of another type": lambda facts: facts | {"outcomes": {"seed": 4}},
    "outcomes that are numbers": lambda facts: facts | {"outcomes": [4, 9]},
    "outcome without a seed": lambda facts: facts | {"outcomes": [{"status": "done"}] * 2},
    "seed of another type": lambda facts: facts | {"outcomes": [{"seed": [4], "status": "done"}]},
    "status of another kind": lambda facts: facts | {"outcomes": [{"seed": 4, "status": "well"}]},
    "depth that is a list": lambda facts: facts | {"depth": [2]},
    "depth below 0": lambda facts: facts | {"depth": -2},
    "depth of 6 GB": lambda facts: facts | {"depth": 10_000},
    "endless depth": lambda facts: facts | {"depth": 10**30},
    "no pixels": lambda facts: facts | {"width": 0},
    "half a pixel": lambda facts: facts | {"width": 6.5},
    "pixels of 6 GB": lambda facts: facts | {"width": 2**31 - 1},
    "settings of another type": lambda facts: facts | {"settings": [1]},
    "settings nested otherwise": lambda facts: facts | {"settings": {"model": {"hidden": 5}}},
    "layers of 6 GB": lambda facts: facts | hidden([40_000, 40_000]),
    "layers of more than numbers": lambda facts: facts | hidden([2**31 - 1] * 3),
    "many layers": lambda facts: facts | hidden([1] * 1000),
    "many seeds": lambda facts: (
        facts | {"outcomes": [{"seed": seed, "status": "done"} for seed in range(10_000)]}
    ),
}


def hidden(layers: list[int]) -> dict:
    model = SETTINGS.model.model_dump(mode="json") | {"hidden": layers}
    return {"settings": SETTINGS.model_dump(mode="json") | {"model": model}}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_header_of_other_types_or_sizes_is_refused_before_anything_is_built(
    tmp_path: Path, change: Callable[[dict], object]
) -> None:
    path, (model, header) = tmp_path / "model.safetensors", pack()
    checkpoint.save(path, model, header)
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["header"])
    save_file(model.state_dict(), path, {"header": json.dumps(change(facts))})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"found no model \(.*expected a model") as caught:
        checkpoint.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '{"depth": NaN}'])
def test_header_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    save_file(pack()[0].state_dict(), tmp_path / "x", {"header": text})
    with pytest.raises(UserError, match="found no model"):
        checkpoint.load(tmp_path / "x")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_parameters_of_another_type_become_numbers_of_this_one(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    path, (model, header) = tmp_path / "model.safetensors", pack()
    checkpoint.save(path, model.to(dtype), header)
    loaded, _ = checkpoint.load(path)
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}


def test_folder_in_the_place_of_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no model"):
        checkpoint.load(tmp_path)


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
        with pytest.raises(UserError, match=f"found a model of {words}; move it away"):
            header.require(tmp_path, *asked)
