"""A whole study: the grid of depths and seeds, and what every cell of it shares.

Imports neither torch nor pandas: the Snakefile reads it in every job.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from flowdepth.base.errors import UserError
from flowdepth.settings.flows import has_width
from flowdepth.settings.messages import describe, shown
from flowdepth.settings.sections import (
    Certify,
    Dataset,
    Evaluate,
    Flow,
    Gaps,
    Model,
    Objective,
    Report,
    Section,
    Training,
    TrainSettings,
)
from flowdepth.settings.values import Count, Depth, Index

# File systems take names of 255 bytes; logs write more than the pack into one.
LONGEST_PACK_NAME = 200
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
# Folders of results that are no study's.
_TAKEN = {"energies": "of `snakemake energies`", "reference": "of published studies"}
# By stage on a pack, what it depends on beside the training's sections.
_OWN_SECTIONS = {
    "train": (),
    "evaluate": ("evaluate",),
    "certify": ("evaluate", "certify"),
    "exact": (),
    "gaps": ("gaps",),
}


class Study(Section):
    """A whole study: the grid of depths and seeds, and what every cell of it shares."""

    name: Annotated[str, Field(max_length=100, pattern=NAME)]
    depths: tuple[Depth, ...]
    seeds: tuple[Index, ...]
    seeds_per_job: Count = 5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dataset: Dataset = Dataset()
    model: Model = Model()
    flow: Flow = Flow()
    objective: Objective = Objective()
    training: Training = Training()
    evaluate: Evaluate = Evaluate()
    certify: Certify = Certify()
    gaps: Gaps = Gaps()
    report: Report = Report()

    @model_validator(mode="after")
    def _grid_without_repeats(self) -> Study:
        for key in ("depths", "seeds"):
            values = getattr(self, key)
            if not values:
                raise ValueError(f"{key} is empty; list at least one value")
            repeated = sorted(v for v, times in Counter(values).items() if times > 1)
            if repeated:
                raise ValueError(
                    f"{key} lists {shown(repeated)} more than once; list each value once"
                )
        return self

    @model_validator(mode="after")
    def _name_is_free(self) -> Study:
        if self.name in _TAKEN:
            raise ValueError(
                f"name is {self.name}, but results/{self.name} is the folder {_TAKEN[self.name]}; "
                "choose another"
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

    @model_validator(mode="after")
    def _layers_are_no_wider_than_the_latent_space(self) -> Study:
        if has_width(self.flow.kind) and self.flow.width > self.model.latent:
            raise ValueError(
                f"flow.width is {self.flow.width} but model.latent is {self.model.latent}: a layer "
                "bends no more directions than there are; set flow.width to "
                f"{self.model.latent} or less"
            )
        return self

    @property
    def title(self) -> str:
        """What heads the report."""
        return self.report.title or f"How deep should a {self.flow.called} flow be?"

    def train_settings(self) -> TrainSettings:
        """Return the sections that training depends on, and no others."""
        return TrainSettings(**{name: getattr(self, name) for name in TrainSettings.model_fields})

    def pack_settings(self, stage: str) -> str:
        """Return what ``stage`` on a pack depends on as canonical JSON of `PackSettings`."""
        kept = {*TrainSettings.model_fields, *_OWN_SECTIONS[stage]}
        apart = dict.fromkeys(Study.model_fields.keys() - kept, True)
        return self.canonical({"evaluate": {"exact"}, **apart})

    def whole(self, *without: str) -> str:
        """Return the study as canonical JSON, without some of its sections.

        Neither the device nor the folder of the data change a result: both are left out.
        """
        apart = dict.fromkeys(("device", *without), True)
        return self.canonical({"dataset": {"root"}, **apart})

    def packs(self) -> dict[str, tuple[int, ...]]:
        """Return the seeds in groups of ``seeds_per_job`` that train as one, by their names."""
        return in_packs(self.seeds, self.seeds_per_job)


def in_packs(seeds: Sequence[int], size: int) -> dict[str, tuple[int, ...]]:
    """Return ``seeds`` in groups of ``size``, by their names."""
    groups = [tuple(seeds[i : i + size]) for i in range(0, len(seeds), size)]
    return {pack_name(group): group for group in groups}


def pack_name(seeds: tuple[int, ...]) -> str:
    """Return the name of a pack of seeds: 0-4, 0+1 or 1+5+8."""
    consecutive = seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    if len(seeds) > 2 and consecutive:
        return f"{seeds[0]}-{seeds[-1]}"
    return "+".join(map(str, seeds))


def seeds_of(pack: str) -> tuple[int, ...]:
    """Return the seeds of a pack by its name."""
    if "-" in pack:
        first, last = map(int, pack.split("-"))
        return tuple(range(first, last + 1))
    return tuple(map(int, pack.split("+")))


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
        lines = [f"  {describe(details, Study)}" for details in error.errors()]
        head = f"The configuration has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:"
        raise UserError("\n".join([head, *lines])) from None


def refuse_nameless(files: Sequence[Path]) -> None:
    """Refuse a study that is described by ``files``, none of which names it.

    Raises
    ------
    UserError
        If there are files: without one, the study is that of config.yaml.
    """
    if files:
        raise UserError(
            f"{files[-1]}: has no name, and its results would lie among those of the study in "
            f"config.yaml; add a line such as `name: {Path(files[-1]).stem}`"
        )


def json_schema() -> str:
    """Return the JSON schema of a configuration, for editors."""
    return json.dumps(Study.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
