from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
import torch
from torch import Tensor

from flowdepth.estimation import annealed, annealing
from flowdepth.estimation.annealed import Annealed, Sample, anneal, simulate
from flowdepth.estimation.annealing import Space, Walk
from flowdepth.estimation.importance import estimate
from flowdepth.estimation.quadrature import exact_log_likelihood
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.flows import KINDS
from flowdepth.settings.sections import Certify, Flow, Model
from helpers import (
    Dying,
    KilledError,
    binary_images,
    closed_form,
    make_encoder_optimal,
    ppca,
    small_vae,
)

FEW = Certify(distributions=30, chains=4)


def given(images: Tensor, replicas: int = 1, name: str = "test") -> Sample:
    return Sample(name, images.expand(replicas, -1, -1), range(len(images)))


def wide_ppca(depth: int) -> FlowVAE:
    """Probabilistic PCA of 40 components, whose posterior no diagonal Gaussian fits well."""
    likelihood = {"likelihood": "normal", "scale_start": 0.5}
    settings = Model(hidden=(), latent=40, initialisation="glorot", **likelihood)
    vae = build(settings, Flow(), depth, 60, (0,), dtype=torch.float64)
    with torch.no_grad():
        vae.output.weight *= 1.5
    make_encoder_optimal(vae)
    return vae


@pytest.mark.parametrize("depth", [0, 4])
def test_annealing_is_right_in_40_dimensions_where_importance_sampling_is_nats_low(
    depth: int,
) -> None:
    vae = wide_ppca(depth)
    drawn = simulate(vae, (0,), 12, torch.zeros(1, 60).double())
    (found,) = anneal(vae, [drawn], (0,), Certify(distributions=300, chains=16, leapfrog=2))
    exact = closed_form(vae, drawn.x)
    low = exact - estimate(vae, drawn.x[0], (0,), 5000).log_p
    assert low.mean() > 1
    assert (found.log_p - exact).abs().mean() < 0.2
    assert (found.upper - exact).abs().mean() < 0.2
    assert ((found.log_p - exact) / found.mcse).abs().max() < 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [0, 3])
def test_annealing_agrees_with_quadrature_where_importance_sampling_fails(
    kind: str, depth: int
) -> None:
    vae = small_vae(depth, flow=Flow(kind=kind, width=2), disturb=0.3)
    images = binary_images(20)
    exact = exact_log_likelihood(vae, images).log_p
    assert (estimate(vae, images, (0,), 5000).k_hat > 0.7).any()
    (found,) = anneal(vae, [given(images)], (0,), Certify(distributions=100, chains=64))
    assert ((found.log_p - exact) / found.mcse).abs().max() < 5
    assert (found.log_p - exact).abs().max() < 0.2
    assert found.upper.isnan().all()


def test_seed_and_image_have_the_same_result_in_any_company() -> None:
    images = binary_images(5)
    pack, alone = small_vae(2, (4, 6)), small_vae(2, (6,))
    (both,) = anneal(pack, [given(images, 2)], (4, 6), FEW)
    (one,) = anneal(alone, [given(images)._replace(numbers=range(5)).of(slice(3, 5))], (6,), FEW)
    torch.testing.assert_close(both.log_p[1, 3:], one.log_p[0], rtol=1e-9, atol=1e-9)


def test_test_and_simulated_images_have_noise_of_their_own() -> None:
    vae, images = small_vae(2, disturb=0.3), binary_images(2)
    found = anneal(vae, [given(images), given(images, name="other")], (0,), FEW)
    assert not torch.equal(found[0].log_p, found[1].log_p)


@pytest.mark.parametrize("rows", [1, 16, 10_000])
def test_chunk_size_leaves_the_result_unchanged(rows: int) -> None:
    vae = small_vae(3, (0, 1), disturb=0.3)
    samples = [given(binary_images(5), 2), simulate(vae, (0, 1), 3, binary_images(1))]
    whole, parts = (anneal(vae, samples, (0, 1), FEW, rows=r) for r in (10**6, rows))
    for one, other in zip(whole, parts, strict=True):
        for field in fields(Annealed):
            expected = getattr(one, field.name)
            torch.testing.assert_close(getattr(other, field.name), expected, equal_nan=True)


@pytest.mark.parametrize("saves", [1, 4, 13])
def test_killed_annealing_ends_the_same(tmp_path: Path, saves: int) -> None:
    vae = small_vae(3, (0, 1), disturb=0.3)
    samples = [given(binary_images(3), 2), simulate(vae, (0, 1), 3, binary_images(1))]
    shares: list[float] = []
    whole = anneal(vae, samples, (0, 1), FEW, rows=16, log=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    dying = Dying(tmp_path / "a", saves)
    with pytest.raises(KilledError):
        anneal(vae, samples, (0, 1), FEW, rows=16, bookmark=dying)
    rest: list[float] = []
    bookmark = Dying(tmp_path / "a", 100)
    resumed = anneal(vae, samples, (0, 1), FEW, rows=8, log=rest.append, bookmark=bookmark)
    assert rest == shares[-len(rest) :]
    assert len(rest) < len(shares)
    for one, other in zip(whole, resumed, strict=True):
        for field in fields(Annealed):
            expected = getattr(one, field.name)
            torch.testing.assert_close(
                getattr(other, field.name), expected, rtol=0, atol=0, equal_nan=True
            )


@pytest.mark.parametrize("distributions", [1, 2, 3])
def test_the_shortest_ladders_have_a_result(distributions: int) -> None:
    vae = small_vae(2, disturb=0.3)
    drawn = simulate(vae, (0,), 2, binary_images(1))
    settings = Certify(distributions=distributions, chains=1)
    (found,) = anneal(vae, [drawn], (0,), settings)
    assert found.log_p.isfinite().all()
    assert found.upper.isfinite().all()
    assert found.mcse.isnan().all()
    assert found.acceptance.isnan().all() == (distributions == 1)


def test_annealing_keeps_no_graph_and_no_gradient() -> None:
    vae = small_vae(2, disturb=0.3)
    (found,) = anneal(vae, [given(binary_images(2))], (0,), FEW)
    assert not found.log_p.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())


def unbiased(module: ModuleType) -> bool:
    """Whether weights forwards and inverse weights backwards have the closed form's mean.

    However short the ladder, ``E[w] = p(x)`` and, from an exact sample, ``E[1 / w] = 1 / p(x)``.
    """
    vae = ppca(2)
    make_encoder_optimal(vae)
    with torch.no_grad():
        vae.head.bias[0, 0, :4] += torch.tensor([0.2, -0.2, 0.2, 0.2])
    drawn = module.simulate(vae, (0,), 3000, torch.zeros(1, 4).double())
    (found,) = module.anneal(vae, [drawn], (0,), Certify(distributions=4, chains=2))
    exact = closed_form(vae, drawn.x)
    ratios = ((found.log_p - exact).exp(), (exact - found.upper).exp())
    errors = [(r.mean() - 1) / r.std() * math.sqrt(r.numel()) for r in ratios]
    return max(map(abs, errors)) < 4.5


def frozen(module: ModuleType) -> bool:
    """Whether no step size changes in a walk that counts."""
    taken, step = [], module.Space.step

    def seen(
        space: Space, walk: Walk, betas: Sequence[float], *rest: object, **more: object
    ) -> Walk:
        after = step(space, walk, betas, *rest, **more)
        if len(betas) == FEW.distributions + 1:
            taken.append(torch.equal(after.log_steps, walk.log_steps))
        return after

    with mock.patch.object(module.Space, "step", seen):
        module.anneal(small_vae(2, disturb=0.3), [given(binary_images(2))], (0,), FEW)
    return len(taken) == FEW.distributions and all(taken)


def test_annealing_is_unbiased_in_either_direction_and_its_steps_are_frozen() -> None:
    assert unbiased(annealed)
    assert frozen(annealed)


MUTATIONS = {
    "a step size that follows its own walk": ('adapts=name == "pilot"', "adapts=True"),
    "a wrong sign on the way back": ("abs(betas[t + 1] - betas[t])", "(betas[t + 1] - betas[t])"),
    "the same order on the way back": ("self.betas[::-1]", "self.betas"),
    "a ladder that misses its upper end": (
        "range(distributions + 1))",
        "[*range(distributions), distributions - 0.5])",
    ),
    "a ladder that misses its lower end": (
        "range(distributions + 1))",
        "[0.2, *range(1, distributions + 1)])",
    ),
    "means of logs for logs of means": (
        "log_p, mcse, _ = moments(forward.gathered)",
        "log_p, mcse, _ = moments(forward.gathered); log_p = forward.gathered.mean(-1)",
    ),
    "weights after the move": ("* walk.log_w.double()", "* self.at(walk.eps * 0.9).log_w.double()"),
    "a trajectory that is always accepted": ("< rise - lost", "< math.inf"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = 0
    for original in (annealing, annealed):
        source = Path(original.__file__).read_text()
        changed += source.count(MUTATIONS[name][0])
        mutant = module_from_spec(spec_from_loader(original.__name__, loader=None))
        monkeypatch.setitem(sys.modules, original.__name__, mutant)
        exec(source.replace(*MUTATIONS[name]), mutant.__dict__)  # noqa: S102
    assert changed == 1
    assert not (frozen(mutant) and unbiased(mutant))


@pytest.mark.gpu
def test_cuda_agrees_with_the_closed_form() -> None:
    vae = wide_ppca(4)
    drawn = simulate(vae, (0,), 12, torch.zeros(1, 60).double())
    exact = closed_form(vae, drawn.x)
    there = Sample(drawn.name, drawn.x.cuda().float(), drawn.numbers, drawn.z.cuda().float())
    settings = Certify(distributions=300, chains=16, leapfrog=2)
    (found,) = anneal(vae.cuda().float(), [there], (0,), settings)
    assert (found.log_p.cpu() - exact).abs().mean() < 0.2
    assert (found.upper.cpu() - exact).abs().mean() < 0.2
