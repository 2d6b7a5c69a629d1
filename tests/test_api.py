from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import flowdepth
from checkout import Checkout
from damage import flip
from flowdepth.base.errors import UserError
from flowdepth.data import inputs, prepared
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Model, TrainSettings
from helpers import leave_provenance


@pytest.fixture(params=["bernoulli", "normal"])
def likelihood(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(tmp_path: Path, likelihood: str) -> Path:
    """A pack whose first seed failed."""
    settings = TrainSettings(model=Model(hidden=(5,), latent=2, likelihood=likelihood))
    status = {4: "failed", 9: "done", 6: "done"}
    outcomes = [{"seed": seed, "status": word} for seed, word in status.items()]
    header = checkpoint.Header(settings, 3, 2, 3, outcomes)
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, build(settings.model, settings.flow, 3, 6, header.seeds), header)
    return path


def test_import_alone_leaves_torch_unloaded() -> None:
    script = "import sys, flowdepth; print('torch' in sys.modules, 'load' in dir(flowdepth))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        _ = flowdepth.laod


def test_annealing_agrees_with_importance_sampling_where_that_is_right(
    model: Path, likelihood: str
) -> None:
    trained = flowdepth.load(model)
    images = trained.sample(5, seed=1).clamp(0, 1)
    images = images.round() if likelihood == "bernoulli" else images
    found = trained.log_likelihood(images, annealed=100)
    expected = trained.log_likelihood(images, samples=20_000, seed=1)
    error = (found.mcse.square() + expected.mcse.square()).sqrt()
    assert ((found.log_p - expected.log_p).abs() < 5 * error).all()
    assert found.ess.isnan().all()
    again = trained.log_likelihood(images, annealed=100, seed=1)
    assert not torch.equal(again.log_p, found.log_p)
    with pytest.raises(UserError, match="annealed: found 0, expected at least 1"):
        trained.log_likelihood(images, annealed=0)


def test_estimates_use_one_thread_and_leave_torch_the_others(model: Path) -> None:
    trained, threads = flowdepth.load(model), []
    encode = trained.vae.encode

    def counted(x: torch.Tensor) -> object:
        threads.append(torch.get_num_threads())
        return encode(x)

    trained.vae.encode = counted
    torch.set_num_threads(2)
    try:
        trained.log_likelihood(trained.sample(2).clamp(0, 1).round(), samples=3, seed=0)
        assert (set(threads), torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("depth", [0, 2])
def test_study_gave_its_test_images_the_same_numbers(
    finished: Checkout, depth: int, seed: int
) -> None:
    pack = finished.results / f"K{depth}" / "seeds0+1"
    images = prepared.load(finished.results / "data" / "images.safetensors")
    trained = flowdepth.load(pack / "model.safetensors", seed)
    found = trained.log_likelihood(inputs.observed(images, "test", torch.float32), samples=50)
    table = pd.read_parquet(pack / "images.parquet")
    for name, value in found._asdict().items():
        stored = table.loc[table["seed"] == seed, name].to_numpy()
        np.testing.assert_array_equal(value.numpy(), stored)
    examples = load_file(pack / "examples.safetensors")
    drawn = trained.sample(len(examples["samples"][seed]), seed)
    torch.testing.assert_close(drawn.flatten(1), examples["samples"][seed])


def test_failed_or_absent_seed_is_refused(model: Path) -> None:
    assert flowdepth.load(model).seed == 9
    assert flowdepth.load(str(model), seed=6).seed == 6
    for seed in (4, 5):
        with pytest.raises(UserError, match=rf"found the trained seeds \[9, 6\], expected {seed}"):
            flowdepth.load(model, seed)


def test_chosen_seed_is_its_row_of_the_pack(model: Path) -> None:
    pack, _ = checkpoint.load(model)
    one = flowdepth.load(model, seed=6).vae
    for name, value in pack.state_dict().items():
        assert torch.equal(one.state_dict()[name], value[2:])


def test_shapes_follow_the_images_and_numbers_the_seed(model: Path) -> None:
    trained = flowdepth.load(model)
    assert trained.sample(7).shape == (7, 2, 3)
    assert torch.equal(trained.sample(7, seed=1), trained.sample(7, seed=1))
    assert not torch.equal(trained.sample(7, seed=1), trained.sample(7, seed=2))
    images = np.ones((4, 2, 3), dtype=np.uint8)
    assert trained.reconstruct(images).shape == (4, 2, 3)
    assert trained.decode(np.zeros((4, 2))).shape == (4, 2, 3)
    first, again, other = (trained.log_likelihood(images, 30, seed).log_p for seed in (1, 1, 2))
    assert first.shape == (4,)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_model_says_what_it_is(model: Path, likelihood: str) -> None:
    assert repr(flowdepth.load(model)) == (
        f"<planar flow of K = 3 layers, D = 2, dense 5 network, {likelihood} images of 2 x 3; "
        "seed 9 of 4, 9, 6; on cpu>"
    )


def test_draws_from_the_posterior_have_the_density_that_the_weights_take(model: Path) -> None:
    """The mean of p(x|z) p(z) / q(z|x) over them is p(x)."""
    trained = flowdepth.load(model)
    x = torch.ones(2, 6)
    mean, z = trained.encode(x, samples=20_000)
    assert mean.shape == (2, 2)
    assert z.shape == (20_000, 2, 2)
    torch.testing.assert_close(mean, z.mean(0))
    q = trained.vae.encode(x.unsqueeze(0))
    points = z.transpose(0, 1).unsqueeze(0)
    with torch.no_grad():
        log_w = trained.vae.log_likelihood(x.unsqueeze(0), points) - q.log_prob(points)
        log_w += torch.distributions.Normal(0, 1).log_prob(points).sum(-1)
    expected = trained.log_likelihood(x, 20_000, seed=1)
    found = log_w[0].logsumexp(-1) - torch.tensor(20_000.0).log()
    assert ((found - expected.log_p).abs() < 6 * expected.mcse + 1e-4).all()
    assert torch.equal(trained.encode(x, 3).samples, trained.encode(x, 3).samples)
    assert not torch.equal(trained.encode(x, 3, seed=1).samples, trained.encode(x, 3).samples)


def test_points_of_another_dimension_are_refused(model: Path) -> None:
    with pytest.raises(UserError, match=r"z: found the shape \[4, 3\], expected \[N, 2\]"):
        flowdepth.load(model).decode(torch.zeros(4, 3))


def test_what_is_no_model_is_not_advised_to_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.safetensors").write_bytes(b"years of work")
    with pytest.raises(UserError) as caught:
        flowdepth.load(tmp_path / "thesis.safetensors")
    assert "found no model" in str(caught.value)
    assert "expected a model.safetensors as a study leaves it in results/" in str(caught.value)
    assert "delete" not in str(caught.value)


def test_grey_images_are_binarised_as_a_study_does() -> None:
    grey = torch.tensor([0, 51, 255]).repeat(10_000, 1)
    drawn = flowdepth.binarise(grey)
    assert drawn.shape == grey.shape
    assert drawn.double().mean(0).tolist() == pytest.approx([0, 0.2, 1], abs=0.02)
    assert torch.equal(drawn, flowdepth.binarise(grey))
    assert not torch.equal(drawn, flowdepth.binarise(grey, seed=1))
    assert flowdepth.binarise([0, 8, 9], white=16, how="threshold").tolist() == [0, 0, 1]
    for wrong in ({"white": 16}, {"how": "dynamic"}):
        with pytest.raises(UserError, match="binarise: found values from 0 to 255 and how"):
            flowdepth.binarise(grey, **wrong)


@pytest.mark.gpu
def test_a_model_on_the_gpu_gives_the_numbers_of_the_processor(model: Path) -> None:
    cpu, gpu = flowdepth.load(model), flowdepth.load(model).to("cuda")
    images = torch.ones(4, 6)
    torch.testing.assert_close(gpu.sample(5), cpu.sample(5), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        gpu.encode(images).mean, cpu.encode(images).mean, rtol=1e-3, atol=1e-4
    )
    found, expected = (one.log_likelihood(images, 5000) for one in (gpu, cpu))
    error = (found.mcse.square() + expected.mcse.square()).sqrt()
    assert ((found.log_p - expected.log_p).abs() < 6 * error).all()


@pytest.mark.parametrize("shape", [(2, 5), (0, 6), (6,), (1, 2, 2)])
def test_image_of_another_size_is_refused(model: Path, shape: tuple[int, ...]) -> None:
    for method in (flowdepth.load(model).log_likelihood, flowdepth.load(model).reconstruct):
        with pytest.raises(
            UserError, match=r"found the shape .*, expected \[N, 6\] or \[N, H, W\]"
        ):
            method(torch.zeros(shape))


def test_values_of_another_kind_are_refused(model: Path, likelihood: str) -> None:
    wrong, words = (0.5, "binarise") if likelihood == "bernoulli" else (1.5, "dequantise")
    with pytest.raises(UserError, match=f"found values from {wrong} to {wrong}.*{words}"):
        flowdepth.load(model).log_likelihood(torch.full((1, 6), wrong))
    with pytest.raises(UserError, match="samples: found 0"):
        flowdepth.load(model).log_likelihood(torch.ones(1, 6), samples=0)


def test_model_that_its_provenance_does_not_tell_of_is_refused(model: Path) -> None:
    leave_provenance(model.parent, "train", [model.name])
    assert flowdepth.load(model).seed == 9
    model.write_bytes(flip(model.read_bytes()))
    with pytest.raises(UserError, match=r"model.safetensors: damaged or another file"):
        flowdepth.load(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(model: Path, value: float) -> None:
    pack, header = checkpoint.load(model)
    with torch.no_grad():
        next(iter(pack.parameters()))[1] = value
    checkpoint.save(model, pack, header)
    with pytest.raises(UserError, match="seed 9 has weights that are not finite"):
        flowdepth.load(model)
    assert flowdepth.load(model, 6).seed == 6


LAYOUTS: dict[str, Callable[[np.ndarray], object]] = {
    "another order of bytes": lambda x: x.astype(">f8"),
    "big integers": lambda x: x.astype(">i2"),
    "columns first": np.asfortranarray,
    "back to front": lambda x: x[::-1].copy()[::-1],
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
    "read only": lambda x: np.broadcast_to(x, x.shape),
    "lists": np.ndarray.tolist,
    "tensor": torch.from_numpy,
    "tensor on its side": lambda x: torch.from_numpy(x.T.copy()).T,
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_how_images_lie_in_memory_changes_no_number(
    model: Path, layout: Callable[[np.ndarray], object]
) -> None:
    images = np.random.default_rng(0).integers(0, 2, (7, 6)).astype(np.float64)
    trained = flowdepth.load(model)
    found, expected = (trained.log_likelihood(x, 9, 0) for x in (layout(images), images))
    assert torch.equal(found.log_p, expected.log_p)


@pytest.mark.parametrize("images", ["text", [[1, 2], [3]], [object()], None])
def test_what_is_no_array_of_numbers_is_refused(model: Path, images: object) -> None:
    with pytest.raises(UserError, match="images: found "):
        flowdepth.load(model).reconstruct(images)
