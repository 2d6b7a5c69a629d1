"""The sections of a study's configuration: typed, frozen, unknown keys refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.flows import EPONYMS, KINDS, has_width, shapes
from flowdepth.settings.messages import shown
from flowdepth.settings.values import (
    Count,
    Depth,
    Flag,
    Index,
    Line,
    Location,
    Optional,
    OptionalCount,
    Positive,
    Sentence,
    Share,
    Whole,
    from_command_line,
)

# Example images that evaluation keeps; the report shows as many of them as it is told to.
MOST_EXAMPLES = 32


class Section(BaseModel):
    """A group of settings that cannot change once read and has no room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self, without: set[str] | Mapping[str, Any] | None = None) -> str:
        """Return the settings as JSON that depends on their values alone, not on their order.

        ``without`` are keys to leave out, as pydantic's ``exclude`` takes them.
        """
        settings = self.model_dump(mode="json", exclude=without)
        return json.dumps(settings, sort_keys=True, separators=(",", ":"))


# mypy knows only names that are written out.
_Name = Literal[*KNOWN, "images"]  # type: ignore[valid-type]


def _not_npz(name: object) -> object:
    if name == "npz":
        raise ValueError("found npz, which is images now: that reads .npz files, and more")
    return name


class Arrays(Section):
    """The names of the arrays in a file of images: one of all images, or one of each split."""

    images: Optional[Line] = None
    labels: Optional[Line] = None
    train: Optional[Line] = None
    validation: Optional[Line] = None
    test: Optional[Line] = None
    test_labels: Optional[Line] = None


class Dataset(Section):
    """Which images, how they are split, and how grey values become pixels of the model."""

    name: Annotated[_Name, BeforeValidator(_not_npz)] = "digits"
    root: Location = "data"
    binarisation: Literal["static", "dynamic", "threshold", "none"] = "static"
    validation: Share = 0.1
    test: Share = 0.2
    seed: Index = 0
    # Of the user's own images, where it is in doubt.
    arrays: Arrays = Arrays()
    axes: Optional[Annotated[str, Field(pattern=r"^([NHWC]|\([HWC]+\))+$")]] = None
    colour: Optional[Literal["grey", "red", "green", "blue"]] = None
    size: Optional[tuple[Count, Count]] = None
    resize: Optional[Literal["scale", "crop"]] = None
    white: Optional[Positive] = None

    @model_validator(mode="after")
    def _splits_leave_training_images(self) -> Dataset:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test is {self.validation + self.test:g}; "
                "leave a share of the images for training"
            )
        return self

    @model_validator(mode="after")
    def _published_images_leave_no_doubt(self) -> Dataset:
        default = Dataset.model_construct()
        for key in ("arrays", "axes", "colour", "size", "resize", "white"):
            if self.name != "images" and getattr(self, key) != getattr(default, key):
                raise ValueError(
                    f"{key} says how to read images of your own, but name is {self.name}; leave "
                    f"{key} out, or set name to images and root to where they lie"
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
    initialisation: Literal["torch", "glorot", "he"] = "torch"
    output_bias: Literal["means", "zeros"] = "means"
    scale: Literal["learned", "fixed", "pixel"] = "learned"
    scale_start: Literal["residuals"] | Positive = "residuals"

    @model_validator(mode="after")
    def _convolutions_are_fixed(self) -> Model:
        if self.network == "dense":
            return self
        given, default = (model.model_dump(mode="json") for model in (self, Model()))
        for key in ("hidden", "activation"):
            if given[key] != default[key]:
                raise ValueError(
                    f"{key} is {shown(given[key])} but network gated_conv has layers of its own; "
                    f"leave {key} at {shown(default[key])} or set network to dense"
                )
        if self.latent <= 2:
            raise ValueError(
                f"latent is {self.latent} but network is gated_conv: the quadrature and the "
                "pictures of one or two dimensions decode a million points; set latent to 3 or "
                "more, or network to dense"
            )
        return self

    @model_validator(mode="after")
    def _fixed_scale_is_given(self) -> Model:
        if self.scale == "fixed" and self.scale_start == "residuals":
            raise ValueError(
                "scale is fixed but scale_start is residuals; give the scale as a number or set "
                "scale to learned"
            )
        return self

    @property
    def pieces(self) -> int:
        """Linear pieces that make a hidden unit: several in gated and maxout ones."""
        return {"gated": 2, "maxout": self.maxout_window}.get(self.activation, 1)


class Flow(Section):
    """The flow between encoder and decoder; its kind alone is short for the section."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string"]})

    # mypy knows only names that are written out.
    kind: Literal[*KINDS] = "planar"  # type: ignore[valid-type]
    parameters: Literal["amortised", "shared"] = "amortised"
    width: Count = 4

    @model_validator(mode="before")
    @classmethod
    def _kind_alone(cls, found: object) -> object:
        return {"kind": found} if isinstance(found, str) else found

    @model_serializer(mode="wrap")
    def _width_where_there_is_one(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        if not has_width(self.kind):
            found.pop("width", None)
        return found

    @property
    def called(self) -> str:
        """The kind as prose has it: those that are named after somebody begin with a capital."""
        kind = str(self.kind)
        return kind.capitalize() if kind in EPONYMS else kind

    def layer(self, latent: int) -> list[tuple[int, ...]]:
        """Return the shapes of what a layer consists of in ``latent`` dimensions."""
        return shapes(self.kind, latent, self.width)


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
    epochs: OptionalCount = 400
    updates: OptionalCount = None
    patience: OptionalCount = 30
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


class Certify(Section):
    """Annealed importance sampling of a random sub-sample of test images; 0 images leave it out.

    Of ``simulated`` images, drawn from the model, log p(x) is bounded from both sides.
    """

    images: Index = 50
    simulated: Index = 25
    distributions: Count = 100
    chains: Count = 8
    leapfrog: Count = 2


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


class PackSettings(TrainSettings):
    """What a stage on a trained pack depends on: the training's settings and its own section."""

    evaluate: Evaluate = Evaluate()
    certify: Certify = Certify()
    gaps: Gaps = Gaps()

    @property
    def trained(self) -> TrainSettings:
        """The sections that training depends on."""
        return TrainSettings(**{name: getattr(self, name) for name in TrainSettings.model_fields})


class Published(Section):
    """A published test log-likelihood, drawn and listed beside the study's own.

    ``nll`` and ``spread`` in nats; ``bound`` where ``nll`` was published as an upper bound;
    ``depth`` is null where the model is no planar flow; ``quoted`` tells where the number was read.
    """

    label: Annotated[Line, Field(min_length=1)]
    depth: Annotated[Depth | None, BeforeValidator(from_command_line)] = None
    nll: Annotated[float, Field(allow_inf_nan=False)]
    spread: Annotated[Positive | None, BeforeValidator(from_command_line)] = None
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


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested mappings hold as dotted paths and values, in their order."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
