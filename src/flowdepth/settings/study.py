"""The study's configuration: typed, frozen, unknown keys refused.

Imports neither torch nor pandas: the Snakefile reads it in every job.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from flowdepth.base.errors import UserError
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.flows import KINDS

_MOST_SHOWN = 100
_WORDS = {"null": None, "true": True, "false": False}


def _from_command_line(value: object) -> object:
    """Read numbers, truth and null, which reach us as text where ``--config`` nests them."""
    if not isinstance(value, str):
        return value
    return int(value) if re.fullmatch(r"[+-]?\d+", value) else _WORDS.get(value, value)


Flag = Annotated[bool, Strict(), BeforeValidator(_from_command_line)]
# A C int: what sizes and counts fit into, whatever reads them.
Whole = Annotated[int, Strict(), BeforeValidator(_from_command_line), Field(le=2**31 - 1)]
Count = Annotated[Whole, Field(ge=1)]
OptionalCount = Annotated[Count | None, BeforeValidator(_from_command_line)]
Index = Annotated[Whole, Field(ge=0)]
Layers = Annotated[Whole, Field(ge=0, le=10_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
# What a path and the words of a command cannot hold, and the longest of both on Linux.
Location = Annotated[str, Field(min_length=1, max_length=4095, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Sentence = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
# File systems take names of 255 bytes; logs write more than the pack into one.
LONGEST_PACK_NAME = 200
# Example images that evaluation keeps; the report shows as many of them as it is told to.
MOST_EXAMPLES = 32


class Section(BaseModel):
    """A group of settings that cannot change once read and has no room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self, *without: str) -> str:
        """Return the settings as JSON that depends on their values alone, not on their order."""
        settings = self.model_dump(mode="json", exclude={*without})
        return json.dumps(settings, sort_keys=True, separators=(",", ":"))


class Dataset(Section):
    """Which images, how they are split, and how grey values become pixels of the model."""

    name: Literal[*KNOWN, "npz"] = "digits"
    root: Location = "data"
    binarisation: Literal["static", "dynamic", "threshold", "none"] = "static"
    validation: Share = 0.1
    test: Share = 0.2
    seed: Index = 0

    @model_validator(mode="after")
    def _splits_leave_training_images(self) -> Dataset:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test is {self.validation + self.test:g}; "
                "leave a share of the images for training"
            )
        return self


class Model(Section):
    """Encoder, decoder and likelihood, the same for every depth."""

    network: Literal["dense", "gated_conv"] = "dense"
    hidden: tuple[Count, ...] = (200, 200)
    activation: Literal["relu", "softplus", "tanh", "gated", "maxout"] = "relu"
    maxout_window: Annotated[Whole, Field(ge=2)] = 4
    latent: Count = 8
    likelihood: Literal["bernoulli", "normal"] = "bernoulli"
    scale: Literal["learned", "fixed", "pixel"] = "learned"
    scale_start: Positive = 0.1

    @model_validator(mode="after")
    def _convolutions_are_fixed(self) -> Model:
        if self.network == "dense":
            return self
        given, default = (model.model_dump(mode="json") for model in (self, Model()))
        for key in ("hidden", "activation"):
            if given[key] != default[key]:
                raise ValueError(
                    f"{key} is {_shown(given[key])} but network gated_conv has layers of its own; "
                    f"leave {key} at {_shown(default[key])} or set network to dense"
                )
        if self.latent <= 2:
            raise ValueError(
                f"latent is {self.latent} but network is gated_conv: the quadrature and the "
                "pictures of one or two dimensions decode a million points; set latent to 3 or "
                "more, or network to dense"
            )
        return self

    @property
    def pieces(self) -> int:
        """Linear pieces that make a hidden unit: several in gated and maxout ones."""
        return {"gated": 2, "maxout": self.maxout_window}.get(self.activation, 1)


class Flow(Section):
    """The flow between encoder and decoder; its kind alone is short for the section."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string"]})

    kind: Literal[*KINDS] = "planar"
    parameters: Literal["amortised", "shared"] = "amortised"

    @model_validator(mode="before")
    @classmethod
    def _kind_alone(cls, found: object) -> object:
        return {"kind": found} if isinstance(found, str) else found


class Annealing(Section):
    """The temperature beta_t = min(1, start + t / length) and the terms it weighs."""

    kind: Literal["none", "kl", "joint"] = "kl"
    start: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    length: Positive = 30
    unit: Literal["epochs", "updates"] = "epochs"


class Objective(Section):
    """What training maximises; evaluation is always the same."""

    bound: Literal["elbo", "iwae"] = "elbo"
    gradient: Literal["total", "path"] = "total"
    samples: Count = 1
    annealing: Annealing = Annealing()

    @model_validator(mode="after")
    def _path_gradient_is_unbiased(self) -> Objective:
        if self.bound == "iwae" and self.gradient == "path":
            raise ValueError(
                "gradient is path but bound is iwae, whose path gradient is biased (Tucker et al. "
                "2019); set gradient to total or bound to elbo"
            )
        return self


class Training(Section):
    """Optimiser, length and selection of the best epoch."""

    optimizer: Literal["adam", "adamax", "rmsprop"] = "adam"
    learning_rate: Positive = 5e-4
    momentum: Share = 0.0
    batch_size: Count = 128
    epochs: OptionalCount = 150
    updates: OptionalCount = None
    patience: OptionalCount = None
    validation_samples: Count = 5
    precision: Literal["float32", "tf32"] = "float32"

    @model_validator(mode="after")
    def _one_length(self) -> Training:
        if (self.epochs is None) == (self.updates is None):
            raise ValueError(
                f"epochs is {self.epochs} and updates is {self.updates}; "
                "give one of the two and set the other to null"
            )
        if self.momentum and self.optimizer != "rmsprop":
            raise ValueError(
                f"momentum is {self.momentum:g} but optimizer {self.optimizer} takes none; "
                "use rmsprop or set momentum to 0"
            )
        return self


class Evaluate(Section):
    """Test log-likelihood by importance sampling, and by quadrature where asked for."""

    samples: Count = 5000
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    exact: Flag = False


class Gaps(Section):
    """The split of the inference gap on a sub-sample of test images; 0 images leave it out."""

    images: Index = 50
    steps: Count = 1000
    learning_rate: Positive = 1e-2
    samples: Count = 1000


class TrainSettings(Section):
    """Everything a training depends on beside its data, depth and seeds."""

    model: Model = Model()
    flow: Flow = Flow()
    objective: Objective = Objective()
    training: Training = Training()


class Published(Section):
    """A published test log-likelihood, drawn and listed beside the study's own.

    ``nll`` and ``spread`` in nats; ``bound`` where ``nll`` was published as an upper bound;
    ``depth`` is null where the model is no planar flow; ``quoted`` tells where the number was read.
    """

    label: Annotated[Line, Field(min_length=1)]
    depth: Annotated[Layers | None, BeforeValidator(_from_command_line)] = None
    nll: Annotated[float, Field(allow_inf_nan=False)]
    spread: Annotated[Positive | None, BeforeValidator(_from_command_line)] = None
    bound: Flag = False
    source: Sentence
    quoted: Literal["from the paper", "from memory", "from third-party text"]
    protocol: Sentence


class Report(Section):
    """What the report shows beside the numbers."""

    title: Annotated[Line | None, BeforeValidator(lambda t: None if t == "null" else t)] = None
    mixed: Literal["refuse", "allow"] = "refuse"
    examples: Annotated[Count, Field(le=MOST_EXAMPLES)] = 10
    published: Annotated[tuple[Published, ...], Field(max_length=26)] = ()
    deviations: tuple[Sentence, ...] = ()


class Study(Section):
    """A whole study: the grid of depths and seeds, and what every cell of it shares."""

    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    depths: tuple[Layers, ...]
    seeds: tuple[Index, ...]
    seeds_per_job: Count = 5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dataset: Dataset = Dataset()
    model: Model = Model()
    flow: Flow = Flow()
    objective: Objective = Objective()
    training: Training = Training()
    evaluate: Evaluate = Evaluate()
    gaps: Gaps = Gaps()
    report: Report = Report()

    @model_validator(mode="after")
    def _grid_without_repeats(self) -> Study:
        for key in ("depths", "seeds"):
            values = getattr(self, key)
            if not values:
                raise ValueError(f"{key} is empty; list at least one value")
            repeated = sorted({v for v in values if values.count(v) > 1})
            if repeated:
                raise ValueError(
                    f"{key} lists {_shown(repeated)} more than once; list each value once"
                )
        return self

    @model_validator(mode="after")
    def _packs_can_be_folders(self) -> Study:
        longest = max(self.packs(), key=len)
        if len(longest) > LONGEST_PACK_NAME:
            raise ValueError(
                f"seeds_per_job is {self.seeds_per_job} and a pack of seeds would be called "
                f"{longest[:20]}..., {len(longest)} characters, at most {LONGEST_PACK_NAME} make a "
                "folder's name; lower seeds_per_job or list consecutive seeds"
            )
        return self

    @model_validator(mode="after")
    def _likelihood_fits_pixels(self) -> Study:
        binary = self.dataset.binarisation != "none" or self.dataset.name == "binarized_mnist"
        if self.model.likelihood == "bernoulli" and not binary:
            raise ValueError(
                "model.likelihood is bernoulli but dataset.binarisation is none: grey pixels have "
                "no Bernoulli likelihood; binarise them (static, dynamic, threshold) or set "
                "model.likelihood to normal"
            )
        if self.model.likelihood == "normal" and binary:
            raise ValueError(
                f"model.likelihood is normal but the pixels are binary (dataset.name "
                f"{self.dataset.name}, dataset.binarisation {self.dataset.binarisation}): set "
                "dataset.binarisation to none, or model.likelihood to bernoulli"
            )
        return self

    @model_validator(mode="after")
    def _quadrature_is_feasible(self) -> Study:
        if self.evaluate.exact and self.model.latent > 2:
            raise ValueError(
                f"evaluate.exact is true but model.latent is {self.model.latent}; quadrature "
                "takes 1 or 2 dimensions: set evaluate.exact to false or model.latent to 2"
            )
        return self

    @property
    def title(self) -> str:
        """What heads the report."""
        return self.report.title or f"How deep should a {self.flow.kind} flow be?"

    def train_settings(self) -> TrainSettings:
        """Return the sections that training depends on, and no others."""
        return TrainSettings(
            model=self.model, flow=self.flow, objective=self.objective, training=self.training
        )

    def packs(self) -> dict[str, tuple[int, ...]]:
        """Return the seeds in groups of ``seeds_per_job`` that train as one, by their names.

        Seeds 0 to 4 are called 0-4, seeds 1, 5 and 8 are called 1+5+8.
        """
        size = self.seeds_per_job
        groups = [self.seeds[i : i + size] for i in range(0, len(self.seeds), size)]
        return {_pack_name(group): group for group in groups}


def _pack_name(seeds: tuple[int, ...]) -> str:
    consecutive = seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    if len(seeds) > 2 and consecutive:
        return f"{seeds[0]}-{seeds[-1]}"
    return "+".join(map(str, seeds))


def read_study(settings: Mapping[str, Any]) -> Study:
    """Return the validated study.

    Raises
    ------
    UserError
        Naming every wrong key by its dotted path, what was found and what is expected.
    """
    try:
        return Study.model_validate(dict(settings))
    except ValidationError as error:
        lines = [f"  {_describe(details)}" for details in error.errors()]
        head = f"The configuration has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:"
        raise UserError("\n".join([head, *lines])) from None


def _describe(details: ErrorDetails) -> str:
    parts = [str(part) for part in details["loc"]]
    path = ".".join(part if part.isprintable() and part.strip() else repr(part) for part in parts)
    where = f"{path}: " if path else ""
    if details["type"] == "extra_forbidden":
        return f"{where}unknown key{_suggestion(details['loc'])}"
    if details["type"] == "missing":
        return f"{where}missing; add it to the configuration"
    if details["type"] == "value_error":
        return where + details["msg"].removeprefix("Value error, ")
    expected = details["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return f"{where}found {_shown(details['input'])}, expected {expected}"


def _shown(value: object) -> str:
    """Return a value as it would be written, shortened to a readable length."""
    try:
        text = repr(_from_command_line(value))
    except ValueError:  # Python writes no integer of more than 4300 digits, nor reads one
        return "a number of more than 4300 digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def _suggestion(path: tuple[int | str, ...]) -> str:
    known = list(_section_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    listing = f"known here: {', '.join(known)}"
    return f"; did you mean {near[0]}? ({listing})" if near else f"; {listing}"


def _section_at(path: tuple[int | str, ...]) -> type[Section]:
    section: Any = Study
    for part in path:
        listed = isinstance(part, int)
        section = get_args(section)[0] if listed else section.model_fields[part].annotation
    return section


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested mappings hold as dotted paths and values, in their order."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def json_schema() -> str:
    """Return the JSON schema of a configuration, for editors."""
    return json.dumps(Study.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
