"""The published files that the user's folder lacks, fetched into it."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Callable
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.data import catalogue
from flowdepth.settings.sections import Dataset

TIMEOUT = 30.0  # seconds


def fetch(dataset: Dataset, address: str, check: Callable[[Path, bytes], object]) -> None:
    """Write the files of a published data set that lie in none of their places.

    ``address`` is that of their folder on the web; ``check`` refuses a wrong content.

    Raises
    ------
    UserError
        If a download fails or is wrong, or the disk refuses a file.
    """
    for path in catalogue.missing_files(dataset):
        try:
            content = _web_file(f"{address}{path.name}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _not_there(dataset, str(error)) from error
        check(path, content)
        write_bytes(path, content)


def _web_file(address: str) -> bytes:
    print(f"downloading {address}", flush=True)
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310
        if not answer.url.startswith("https://"):  # where a redirection may have led
            raise ValueError(f"{answer.url} is not https")
        content: bytes = answer.read()
        return content


def _not_there(dataset: Dataset, reason: str) -> UserError:
    files = ", ".join(path.name for path in catalogue.missing_files(dataset))
    where = catalogue.required_files(dataset)[0].parent
    return UserError(
        f"dataset.root: found no {files} for {dataset.name} under {dataset.root}, and the download "
        f"failed ({reason.strip()}); put them into {where}, or correct dataset.root"
    )
