from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowdepth.compute.devices import select
from flowdepth.estimation.importance import Estimate, _gpu_rows, estimate, summarise_weights
from flowdepth.estimation.pareto import nested_sizes, pareto_k
from flowdepth.settings.sections import Flow
from helpers import Dying, KilledError, binary_images, closed_form, ppca, small_vae


@pytest.mark.parametrize("depth", [0, 1, 2, 4, 8, 16])
def test_estimate_agrees_with_the_closed_form(depth: int) -> None:
    vae = ppca(depth)
    images = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)).double()
    result = estimate(vae, images, (0,), 20_000)
    error = (result.log_p - closed_form(vae, images)) / result.mcse
    assert error.abs().max() < 4.5
    assert error.square().mean().sqrt() < 2
    assert result.mcse.max() < 0.2


def test_elbo_is_below_the_likelihood() -> None:
    vae = ppca(3)
    images = torch.rand(10, 4, generator=torch.Generator().manual_seed(1)).double()
    result = estimate(vae, images, (0,), 1000)
    assert (result.elbo < closed_form(vae, images)).all()
    assert (result.elbo < result.log_p).all()
    assert (result.reconstruction > result.elbo).all()


@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize("rows", [1, 37, 210, 300, 10_000])
def test_chunk_size_leaves_the_result_unchanged(depth: int, rows: int) -> None:
    vae, images = small_vae(depth, (0, 1), disturb=0.3), binary_images(9)
    whole = estimate(vae, images, (0, 1), 70, rows=10**6)
    parts = estimate(vae, images, (0, 1), 70, rows=rows)
    for field in fields(Estimate):
        expected = getattr(whole, field.name)
        torch.testing.assert_close(getattr(parts, field.name), expected, equal_nan=True)


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
def test_encoding_in_parts_leaves_the_estimate_unchanged(parameters: str) -> None:
    flow = Flow(parameters=parameters)
    vae, images = small_vae(3, (0, 1), flow=flow, disturb=0.3), binary_images(9)
    whole = estimate(vae, images, (0, 1), 70)
    with (
        mock.patch("flowdepth.estimation.importance._ENCODED", 4),
        mock.patch("flowdepth.model.vae._CACHED_ROWS", 13),
    ):
        parts = estimate(vae, images, (0, 1), 70, rows=300)
    torch.testing.assert_close(parts.log_p, whole.log_p)
    torch.testing.assert_close(parts.z_mean, whole.z_mean)


def test_seed_has_the_same_estimate_in_any_pack() -> None:
    images = binary_images(5)
    pack = small_vae(2, (4, 6), disturb=0.0)
    alone = small_vae(2, (6,), disturb=0.0)
    both, one = estimate(pack, images, (4, 6), 30), estimate(alone, images, (6,), 30)
    torch.testing.assert_close(both.log_p[1], one.log_p[0], rtol=1e-9, atol=1e-9)


def test_samples_are_as_many_as_asked_for() -> None:
    vae, images = small_vae(1, disturb=0.3), binary_images(2)
    drawn = []
    with mock.patch(
        "flowdepth.estimation.importance.summarise_weights",
        side_effect=lambda w, *rest: drawn.append(w.shape) or summarise_weights(w, *rest),
    ):
        for samples in (1, 7, 103):
            estimate(vae, images, (0,), samples, rows=10)
    assert {shape[-1] for shape in drawn} == {1, 7, 103}


def test_encoder_runs_once_per_image() -> None:
    vae, images = small_vae(2), binary_images(6)
    with mock.patch.object(vae, "encode", wraps=vae.encode) as encode:
        estimate(vae, images, (0,), 50, rows=10)
    assert sum(call.args[0].shape[1] for call in encode.call_args_list) == 6


@pytest.mark.parametrize("chunks", [1, 4])
def test_killed_estimate_ends_the_same_and_repeats_no_image(tmp_path: Path, chunks: int) -> None:
    vae, images = small_vae(2, (0, 1), disturb=0.3), binary_images(9)
    whole = estimate(vae, images, (0, 1), 30, rows=120)
    with pytest.raises(KilledError):
        estimate(vae, images, (0, 1), 30, rows=120, bookmark=Dying(tmp_path / "a", chunks))
    rest = Dying(tmp_path / "a", 5 - chunks)
    resumed = estimate(vae, images, (0, 1), 30, rows=10, bookmark=rest)
    for field in fields(Estimate):
        expected = getattr(whole, field.name)
        torch.testing.assert_close(
            getattr(resumed, field.name), expected, rtol=0, atol=0, equal_nan=True
        )


def test_evaluation_builds_no_autograd_graph() -> None:
    assert not estimate(small_vae(2), binary_images(2), (0,), 3).log_p.requires_grad


def weights(*values: float) -> Estimate:
    log_w = torch.tensor(values, dtype=torch.float64).view(1, 1, -1)
    return summarise_weights(log_w, torch.zeros(1, 1), torch.zeros(1, 1, 2))


def test_weights_are_summarised_by_the_formulas() -> None:
    w = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    result = weights(*w.log().tolist())
    assert result.log_p.item() == pytest.approx(w.mean().log().item())
    assert result.elbo.item() == pytest.approx(w.log().mean().item())
    assert result.ess.item() == pytest.approx((w.sum() ** 2 / (w**2).sum()).item())
    relative = w.var(correction=0).sqrt() / w.mean() / math.sqrt(3)
    assert result.mcse.item() == pytest.approx(relative.item())


def test_sub_samples_are_the_first_of_the_same_draws() -> None:
    log_w = torch.randn(2, 3, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    result = summarise_weights(log_w, torch.zeros(2, 3), torch.zeros(2, 3, 2))
    for j, size in enumerate(nested_sizes(70)):
        alone = summarise_weights(log_w[..., :size], torch.zeros(2, 3), torch.zeros(2, 3, 2))
        torch.testing.assert_close(result.nested_log_p[..., j], alone.log_p)
        torch.testing.assert_close(result.nested_mcse[..., j], alone.mcse, equal_nan=True)
    assert torch.equal(result.nested_log_p[..., -1], result.log_p)


def test_more_samples_raise_the_expected_estimate() -> None:
    vae = small_vae(2, disturb=0.5)
    nested = estimate(vae, binary_images(200), (0,), 100).nested_log_p.mean((0, 1))
    assert (nested.diff() > 0).all()


def test_one_sample_has_no_known_error() -> None:
    assert weights(-3.0).mcse.isnan().all()
    assert weights(-3.0, -3.0).mcse.item() == 0


def test_k_hat_is_that_of_the_weights() -> None:
    log_w = torch.randn(2, 3, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    result = summarise_weights(log_w, torch.zeros(2, 3), torch.zeros(2, 3, 2))
    torch.testing.assert_close(result.k_hat, torch.from_numpy(pareto_k(log_w.numpy())))


def test_equal_weights_have_no_error_full_ess_and_no_shape() -> None:
    """A posterior that is exact: all weights are p(x)."""
    result = weights(*[-7.0] * 50)
    assert result.log_p.item() == pytest.approx(-7)
    assert (result.mcse.item(), result.ess.item()) == pytest.approx((0, 50), abs=1e-6)
    assert result.k_hat.isnan().all()


def test_log_weights_far_below_underflow_are_summarised() -> None:
    result = weights(-1000.0, -1000.0, -1000.0)
    assert result.log_p.item() == pytest.approx(-1000)
    assert result.mcse.item() == pytest.approx(0, abs=1e-7)
    assert result.ess.item() == pytest.approx(3)


def test_single_dominant_weight_shows_in_ess_and_error() -> None:
    result = weights(0.0, *[-500.0] * 99)
    assert result.ess.item() == pytest.approx(1)
    assert result.mcse.item() == pytest.approx(math.sqrt(0.99))


def test_active_units_alone_are_counted() -> None:
    z_mean = torch.zeros(2, 50, 3, dtype=torch.float64)
    z_mean[0, :, 1] = torch.linspace(-1, 1, 50)
    z_mean[1] = torch.linspace(-0.01, 0.01, 50).unsqueeze(-1)
    zeros = {field.name: torch.zeros(2, 50) for field in fields(Estimate)}
    result = Estimate(**zeros | {"z_mean": z_mean})
    assert result.active_units().tolist() == [1, 0]


def test_bfloat16_rounds_the_decoder_alone() -> None:
    vae, images = small_vae(3, (0, 1), disturb=0.3).float(), binary_images(9).float()
    exact = estimate(vae, images, (0, 1), 200)
    vae.bf16_decoder = True
    rounded = estimate(vae, images, (0, 1), 200)
    assert torch.equal(rounded.z_mean, exact.z_mean)
    assert not torch.equal(rounded.log_p, exact.log_p)
    assert (rounded.log_p - exact.log_p).abs().max() < 0.05
    assert (rounded.log_p - exact.log_p).mean().abs() < 0.01


def test_rows_at_once_are_alike_on_cards_with_and_without_a_neighbour() -> None:
    per_row = 6 * 784 * 4
    assert _gpu_rows(80 * 2**30, per_row) == _gpu_rows(24 * 2**30, per_row) == 2**18


@given(free=st.integers(0, 2**40), per_row=st.integers(1, 2**20))
def test_rows_at_once_are_a_power_of_two_that_fits(free: int, per_row: int) -> None:
    rows = _gpu_rows(free, per_row)
    assert rows.bit_count() == 1
    assert rows == 1 or rows * per_row <= free / 4
    assert rows == 2**18 or 2 * rows * per_row > free / 4


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_precision_costs_less_than_a_hundredth_of_a_nat_on_cuda(precision: str) -> None:
    vae, images = small_vae(3, (0, 1), disturb=0.3).cuda(), binary_images(50).cuda()
    exact = estimate(vae, images, (0, 1), 20_000)
    select("cuda", 1, precision)
    vae.bf16_decoder = precision == "bf16"
    result = estimate(vae.float(), images.float(), (0, 1), 20_000)
    select("cuda", 1)
    noise = (exact.mcse.square() + result.mcse.square()).sum(1).sqrt() / 50
    assert ((result.log_p - exact.log_p).mean(1).abs() < 0.01 + 4 * noise).all()


@pytest.mark.gpu
def test_cuda_agrees_with_the_closed_form() -> None:
    vae = ppca(4)
    images = torch.rand(10, 4).double()
    expected = closed_form(vae, images)
    result = estimate(vae.cuda(), images.cuda(), (0,), 20_000)
    assert ((result.log_p.cpu() - expected) / result.mcse.cpu()).abs().max() < 4.5
