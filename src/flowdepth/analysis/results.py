"""What the folder of a study holds, each part read when it is first asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pandas as pd

from flowdepth.analysis.certificate import read_certificates
from flowdepth.analysis.columns import (
    CERTIFICATE,
    COMPARISONS,
    CONVERGENCE,
    HISTORY,
    METRICS,
    SUMMARY,
)
from flowdepth.analysis.exact import read_estimators, read_exact
from flowdepth.analysis.gaps import gap_summary, read_gaps
from flowdepth.analysis.readers import (
    Examples,
    first_examples,
    read_costs,
    read_images,
    read_rows,
    read_study_table,
    read_table,
)
from flowdepth.settings.sections import Published
from flowdepth.settings.study import Study
from flowdepth.study import layout
from flowdepth.study.packs import folders

T = TypeVar("T")


class StudyResults:
    """The results of ``study`` in ``folder``.

    A figure or a table is made by a function whose parameters are named after the attributes here.
    All raise `UserError` where a file is missing, damaged, or of another study.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        self.study, self.folder = study, folder
        self.packs = folders(study, folder)
        self.files = layout.outputs("summarise", folder)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row per depth and seed."""
        return read_study_table(self.files["metrics"], METRICS, self.study)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per depth."""
        return read_study_table(self.files["summary"], SUMMARY, self.study)

    @cached_property
    def compared(self) -> pd.DataFrame:
        """A row per pair of depths."""
        return read_table(self.files["comparisons"], COMPARISONS)

    @cached_property
    def convergence(self) -> pd.DataFrame:
        """A row per depth and number of importance samples."""
        return read_table(self.files["convergence"], CONVERGENCE)

    @cached_property
    def certificate(self) -> pd.DataFrame:
        """A row per depth: the bias of importance sampling, and how well it is known."""
        return read_study_table(self.files["certificate"], CERTIFICATE, self.study)

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row per depth, finished seed and test image."""
        return read_images(self.study, self.packs, self.metrics)

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per depth, seed and epoch."""
        return read_rows(self.study, self.packs, "history.csv", HISTORY)

    @cached_property
    def examples(self) -> dict[int, Examples]:
        """Images for the eye by depth."""
        return first_examples(self.packs, self.metrics, self.study.report.examples)

    @cached_property
    def annealed(self) -> pd.DataFrame:
        """A row per kind of image, depth, seed and annealed image."""
        return read_certificates(self.study, self.packs)

    @cached_property
    def gap_rows(self) -> pd.DataFrame:
        """A row per depth, seed and image whose inference gap was split."""
        return read_gaps(self.study, self.packs)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """A row per depth: the inference gap, split."""
        return gap_summary(self.gap_rows, self.study.depths)

    @cached_property
    def exact(self) -> pd.DataFrame:
        """A row per depth and seed: exact and estimated NLL."""
        return read_exact(self.study, self.packs)

    @cached_property
    def estimators(self) -> pd.DataFrame:
        """A row per depth, seed and annealed test image: log p(x) by three ways."""
        return read_estimators(self.study, self.packs)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per pack: seconds, memory and devices."""
        return read_costs(self.packs)

    @property
    def published(self) -> Sequence[Published]:
        """Numbers of the literature."""
        return self.study.report.published

    @property
    def samples(self) -> int:
        """Importance samples per test image."""
        return self.study.evaluate.samples


def called(function: Callable[..., T], results: StudyResults) -> T:
    """Return ``function`` of those attributes of the results that its parameters name."""
    wanted = inspect.signature(function).parameters
    return function(**{name: getattr(results, name) for name in wanted})
