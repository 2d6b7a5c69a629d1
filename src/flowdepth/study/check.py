"""What a study asks of its data set and cannot get, found before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from flowdepth.data import catalogue
from flowdepth.model.sizes import SIDE
from flowdepth.settings.study import Study


def check(study: Study) -> None:
    """Stop at what the configuration asks of the data set and cannot get.

    A published data set whose files are not there yet passes: preparing will fetch them.

    Raises
    ------
    UserError
        Naming everything that is wrong.
    """
    problems = list(catalogue.problems(study.dataset, study.training.batch_size))
    catalogue.refuse(problems or list(_network_problems(study)))


def _network_problems(study: Study) -> Iterator[str]:
    found = catalogue.shape(study.dataset)
    if study.model.network == "gated_conv" and found != (SIDE, SIDE):
        yield (
            f"model.network: found gated_conv, which takes images of {SIDE}x{SIDE} pixels, but "
            f"those of dataset.name {study.dataset.name} have {found[0]}x{found[1]}; set "
            "model.network to dense or take other images"
        )
