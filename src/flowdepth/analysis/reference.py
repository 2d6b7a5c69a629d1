"""A finished study kept in a few small files, from which its figures, tables and page are made.

Models and images are left out; see :mod:`~flowdepth.analysis.keeping` for what is kept and how.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

from flowdepth.analysis import thumbnails
from flowdepth.analysis.columns import CERTIFIED, HISTORY, IMAGES
from flowdepth.analysis.readers import Examples, read_json, read_table
from flowdepth.analysis.results import StudyResults
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from flowdepth.study import layout


class Reference(StudyResults):
    """The results of a study kept in ``folder``, each part read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_study(folder), folder)

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per depth, seed and epoch."""
        return self._table("history", "depth", *HISTORY)

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row per depth, finished seed and test image; to the digits that are known."""
        return self._table("images", "depth", *IMAGES)

    @cached_property
    def annealed(self) -> pd.DataFrame:
        """A row per kind of image, depth, seed and annealed image."""
        return self._table("annealed", "depth", *CERTIFIED)

    @cached_property
    def gap_rows(self) -> pd.DataFrame:
        """A row per depth, seed and image whose inference gap was split."""
        return self._table("gap_rows", "depth", "approximation", "amortisation")

    @cached_property
    def exact(self) -> pd.DataFrame:
        """A row per depth and seed: exact and estimated NLL."""
        return self._table("exact", "depth", "seed")

    @cached_property
    def estimators(self) -> pd.DataFrame:
        """A row per depth, seed and annealed test image: log p(x) by three ways."""
        return self._table("estimators", "depth", "seed")

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per pack: seconds, memory and devices."""
        return self._table("costs", "depth")

    @cached_property
    def examples(self) -> dict[int, Examples]:
        """Images for the eye by depth, of one seed each."""
        return thumbnails.read(self.folder / layout.KEPT["examples"])

    def _table(self, name: str, *columns: str) -> pd.DataFrame:
        return read_table(self.folder / layout.KEPT[name], columns)


def results(folder: str | Path) -> StudyResults:
    """Return the results in ``results/<study>``, or of one that was kept.

    Its attributes are tables of pandas, such as ``metrics``, ``summary`` and ``images``, and its
    ``study`` the settings.

    Raises
    ------
    UserError
        If there is no finished study.
    """
    place = Path(folder)
    if layout.is_reference(place):
        return Reference(place)
    return StudyResults(_study(place), place)


def _study(folder: Path) -> Study:
    path = layout.outputs("report", folder)["facts"]
    if not path.exists():
        raise UserError(
            f"{folder}: found no {path.name}, expected the folder of a finished study, such as "
            f"{layout.RESULTS}/<study> or {layout.REFERENCE}/<study>"
        )
    return Study.model_validate(read_json(path)["settings"])
