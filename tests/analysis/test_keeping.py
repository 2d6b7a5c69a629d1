from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from flowdepth.analysis.keeping import as_known

ERRORS = st.floats(1e-12, 1e3)


def rows(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"log_p": [-90.0], "mcse": [0.1], "ess": [9.0], "k_hat": [0.7]} | columns)


@given(log_p=st.floats(-1e4, 0), mcse=ERRORS)
def test_rounding_changes_an_estimate_by_a_twentieth_of_its_error_at_most(
    log_p: float, mcse: float
) -> None:
    known = as_known(rows(log_p=[log_p], mcse=[mcse])).iloc[0]
    spacing = abs(np.spacing(log_p)) + abs(np.spacing(mcse))
    assert abs(known["log_p"] - log_p) <= mcse / 20 * (1 + 1e-9) + spacing
    assert abs(known["mcse"] - mcse) <= mcse / 20 * (1 + 1e-9) + spacing


def test_an_estimate_has_two_digits_of_its_error() -> None:
    known = as_known(rows(log_p=[-90.123456], mcse=[0.0234], ess=[1234.5], k_hat=[0.6789]))
    assert known.iloc[0].tolist() == [-90.123, 0.023, 1230.0, 0.68]


def test_what_has_no_error_stays_as_it_is() -> None:
    known = as_known(rows(log_p=[-90.123456], mcse=[math.nan], ess=[math.nan], k_hat=[math.nan]))
    assert known["log_p"].item() == -90.123456
    assert known[["mcse", "ess", "k_hat"]].isna().all(axis=None)
