"""What `gpu` measures, each a function that yields rows."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.clock import seconds
from benchmarks.contenders.plain_torch import PlainTorch
from benchmarks.packs import Case, case, synchronise, training, update_rate
from benchmarks.work import BATCH, Sizes, images, sampling_flops, training_flops
from flowdepth.compute.devices import select
from flowdepth.estimation.importance import estimate
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Annealing, Flow, Model, Objective, Training

COLUMNS = ("measurement", "what", "depth", "seeds", "value", "unit")
Row = dict[str, Any]

# Rezende & Mohamed (2015), whose number of hidden layers is not known: two are taken.
REZENDE = Case(
    Model(hidden=(400, 400), activation="maxout", maxout_window=4, latent=40),
    784,
    Training(
        optimizer="rmsprop",
        learning_rate=1e-5,
        momentum=0.9,
        batch_size=100,
        validation_samples=1,
    ),
    Objective(annealing=Annealing(kind="joint", start=0.01, length=10_000, unit="updates")),
)
REZENDE_UPDATES, REZENDE_SEEDS = 500_000, 5
TEST_IMAGES, TEST_SAMPLES = 10_000, 5000


class Plan(NamedTuple):
    """How much is measured, and on which device."""

    device: torch.device
    sizes: Sizes = Sizes()
    depths: tuple[int, ...] = (0, 4, 16, 32, 80)
    rezende_depths: tuple[int, ...] = (0, 10, 20, 40, 80)
    packs: tuple[int, ...] = (1, 5, 10, 20)
    goal_depth: int = 32
    updates: int = 100
    images: int = 200
    samples: int = 1000
    rows: int = 64_000
    product: int = 8192
    repetitions: int = 3


def rows(name: str, quick: bool, fits_tails: bool) -> Iterator[Row]:
    """Yield all rows, measured on the device called ``name``."""
    plan = Plan(select(name, threads=1))
    if quick:
        small = {"sizes": Sizes(64, (32,), 8), "depths": (0, 4), "rezende_depths": (0, 4)}
        few = {"packs": (1, 10), "goal_depth": 4, "updates": 2, "images": 2, "rows": 2000}
        plan = plan._replace(**small, **few, samples=100, product=256, repetitions=1)
    yield _row("machine", _device_name(plan.device), value=0, unit=f"torch {torch.__version__}")
    products = list(_products(plan))
    yield from products
    yield _equality(plan)
    yield from _contenders(plan, limit=products[0]["value"])
    yield from _packs(plan)
    yield from _rezende(plan)
    yield from _likelihood(plan, fits_tails)


def _row(measurement: str, what: str, value: float, unit: str, **where: int) -> Row:
    return {"measurement": measurement, "what": what, **where, "value": value, "unit": unit}


def _device_name(device: torch.device) -> str:
    cuda = device.type == "cuda"
    return torch.cuda.get_device_name(device) if cuda else platform.processor() or "CPU"


def _products(plan: Plan) -> Iterator[Row]:
    """Yield the rate of a large float32 product, without and with TensorFloat-32."""
    a, b = (torch.rand(plan.product, plan.product, device=plan.device) for _ in range(2))
    flops = 2 * plan.product**3
    for name, precision in (("float32", "highest"), ("TF32", "high")):
        torch.set_float32_matmul_precision(precision)
        yield _row("product", name, flops / _taken(plan, lambda: torch.mm(a, b)) / 1e9, "GFLOP/s")
    torch.set_float32_matmul_precision("highest")


def _taken(plan: Plan, work: Callable[[], object]) -> float:
    """Return the median seconds of ``work`` after a first call."""

    def finished() -> None:
        work()
        synchronise(plan.device)

    finished()
    return median(seconds(finished) for _ in range(plan.repetitions))


def _equality(plan: Plan) -> Row:
    """Return the largest difference between parameters after 20 updates there and on the CPU."""
    there, here = (
        _updated(plan.sizes, 20, device) for device in (plan.device, torch.device("cpu"))
    )
    pairs = zip(there, here, strict=True)
    largest = max((one.cpu() - other).abs().max().item() for one, other in pairs)
    return _row(
        "equality to the CPU", "20 updates, float64", largest, "largest difference", depth=8
    )


def _updated(sizes: Sizes, updates: int, device: torch.device) -> list[Tensor]:
    """Return all parameters after ``updates`` of two seeds, from noise drawn on the CPU."""
    noise = torch.Generator().manual_seed(0)
    x = images(BATCH, sizes).double().to(device)
    pack = training(case(sizes), 8, 2, lambda epoch: x, device, torch.float64)
    for _ in range(updates):
        eps = torch.randn(2, BATCH, 1, sizes.latent, generator=noise, dtype=torch.float64)
        pack.step(x.expand(2, -1, -1), eps.to(device), x.new_ones(()))
    return [parameter.detach() for parameter in pack.model.parameters()]


def _contenders(plan: Plan, limit: float) -> Iterator[Row]:
    """Yield both kinds of work by depth, one seed, and its share of ``limit`` GFLOP/s."""
    for depth in plan.depths:
        flops = training_flops(plan.sizes, depth, amortised=True) / 1e9
        for what, rate in (
            ("flowdepth", BATCH * _update_rate(plan, case(plan.sizes), depth, 1)),
            ("plain torch", BATCH * _eager_rate(plan, depth)),
        ):
            yield _row("training", what, rate, "images/s", depth=depth)
            yield _row(
                "training", f"{what}, share", rate * flops / limit, "of float32", depth=depth
            )
        flops = sampling_flops(plan.sizes, depth, amortised=True, samples=plan.samples) / 1e9
        for what, rate in _sampling_rates(plan, depth):
            yield _row("sampling", what, rate, "image-samples/s", depth=depth)
            yield _row(
                "sampling", f"{what}, share", rate * flops / limit, "of float32", depth=depth
            )


def _update_rate(plan: Plan, chosen: Case, depth: int, seeds: int) -> float:
    runs = (
        update_rate(chosen, depth, seeds, plan.updates, plan.device)
        for _ in range(plan.repetitions)
    )
    return median(runs)


def _eager_rate(plan: Plan, depth: int) -> float:
    """Return the updates in a second of the one-seed loop in plain torch."""
    plain = _plain(plan, depth)
    x = images(plan.updates * BATCH, plan.sizes).to(plan.device)
    return plan.updates / _taken(plan, lambda: plain.train(x))


def _plain(plan: Plan, depth: int) -> PlainTorch:
    plain = PlainTorch(plan.sizes, depth, amortised=True)
    plain.model.to(plan.device)
    return plain


def _sampling_rates(plan: Plan, depth: int) -> Iterator[tuple[str, float]]:
    chosen, x = case(plan.sizes), images(plan.images, plan.sizes).to(plan.device)
    model = build(chosen.model, Flow(), depth, chosen.pixels, (0,), plan.device)
    plain = _plain(plan, depth)
    items = plan.images * plan.samples
    yield "flowdepth", items / _taken(plan, lambda: estimate(model, x, (0,), plan.samples))
    yield "plain torch", items / _taken(plan, lambda: plain.log_p(x, plan.samples, plan.rows))


def _packs(plan: Plan) -> Iterator[Row]:
    """Yield seed-updates a second by seeds in a pack, and their ratio to the eager loop."""
    depth = plan.goal_depth
    eager = _eager_rate(plan, depth)
    yield _row("packs", "eager loop", eager, "seed-updates/s", depth=depth, seeds=1)
    for seeds in plan.packs:
        rate = _update_rate(plan, case(plan.sizes), depth, seeds)
        where = {"depth": depth, "seeds": seeds}
        yield _row("packs", "flowdepth", rate, "seed-updates/s", **where)
        yield _row("packs", "over the eager loop", rate / eager, "times", **where)


def _rezende(plan: Plan) -> Iterator[Row]:
    """Yield the projected hours of Rezende & Mohamed's protocol, a depth each and in all."""
    seed_updates = REZENDE_UPDATES * REZENDE_SEEDS
    total = 0.0
    for depth in plan.rezende_depths:
        hours = seed_updates / _update_rate(plan, REZENDE, depth, REZENDE_SEEDS) / 3600
        total += hours
        yield _row("Rezende & Mohamed", "projected", hours, "h", depth=depth, seeds=REZENDE_SEEDS)
    yield _row("Rezende & Mohamed", "all depths, projected", total, "h", seeds=REZENDE_SEEDS)


def _likelihood(plan: Plan, fits_tails: bool) -> Iterator[Row]:
    """Yield the projected minutes of a seed's test likelihood, from ``plan.images`` of them."""
    x = images(plan.images, plan.sizes).to(plan.device)
    what = "a seed, projected" + ("" if fits_tails else ", k_hat left out")
    for depth in (plan.depths[0], plan.goal_depth):
        model = build(case(plan.sizes).model, Flow(), depth, x.shape[1], (0,), plan.device)
        taken = _taken(plan, lambda m=model: estimate(m, x, (0,), TEST_SAMPLES))
        yield _row(
            "test likelihood", what, taken * TEST_IMAGES / plan.images / 60, "min", depth=depth
        )
