"""Going on where an interrupted computation stood.

What takes minutes keeps a bookmark: it calls ``keep`` after every finished piece of work, and
``poll`` within longer ones. A :class:`Sidecar` writes the last snapshot kept to a file beside the
outputs, now and then, and when a signal tells the process to stop. As all chance is keyed by seed
and position, a snapshot needs no generators: what goes on from it ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import safetensors.torch
import torch
from torch import Tensor

from flowdepth.base.errors import StoppedError, UserError
from flowdepth.base.files import write_bytes

INTERVAL = 60.0
"""Seconds between two saves."""

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Snapshot:
    """Where a computation stands: tensors in named groups, and facts that JSON can hold."""

    tensors: dict[str, dict[str, Tensor]]
    facts: dict[str, Any]


class Bookmark:
    """Where a computation stands; this one forgets."""

    def recall(self) -> Snapshot | None:
        """Return the snapshot to go on from, its tensors on the CPU; None at the beginning."""

    def keep(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take ``snapshot()`` for where the computation stands, until the next call.

        After the last call, what it returns says that nothing is left to do.
        """

    def poll(self) -> None:
        """Let the computation be left here, to go on from the snapshot last kept."""


FORGETFUL = Bookmark()


class Sidecar(Bookmark):
    """A bookmark in a file.

    When its ``with`` block ends well, the file is brought to the end of the work, if there is one:
    whoever runs the process may yet be stopped, and take its outputs for torn. What knows that they
    are safe removes it, `flowdepth.study.leftovers.forget`.

    In the block SIGTERM, SIGUSR1 and SIGINT raise :class:`StoppedError` at the next ``keep`` or
    ``poll``, after saving. The file is safetensors, whose header holds the facts and a hash of
    ``identity``, and then the SHA-256 digest of all before it.

    Parameters
    ----------
    path
        Of the file.
    identity
        Everything that the result depends on, as JSON can hold it. A file of another identity is
        renamed, a damaged one ignored.
    interval
        Seconds between two saves. One that the disk refuses is left out, with a warning.
    """

    def __init__(
        self,
        path: Path,
        identity: dict[str, Any],
        interval: float = INTERVAL,
        log: Callable[[str], None] = print,
    ) -> None:
        self.path, self.interval, self.log = path, interval, log
        self.identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.start = self.saved = time.monotonic()
        self.earlier = 0.0  # seconds spent in earlier attempts
        self.own = False  # whether the file is of this attempt
        self.refused = False  # by the disk, the last time
        self.snapshot: Callable[[], Snapshot] | None = None
        self.signal = ""

    def __enter__(self) -> Self:
        self._handlers = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.snapshot and self.path.exists():
            self._try_to_save(self.snapshot())
        if kind is not StoppedError:  # or a second signal would end the process in its own way
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = signal.Signals(number).name

    def recall(self) -> Snapshot | None:
        """Return the snapshot in the file, if it is whole and of the same identity.

        Raises
        ------
        UserError
            If something else than a file is in its place, or it may not be read.
        """
        if not self.path.exists():
            return None
        content = _verified(self._read())
        header = content and _header(content)
        if not content or not header:
            self.log(f"{self.path}: damaged, so not used; starting from the beginning")
            return None
        if header["identity"] != self.identity:
            aside = self.path.with_suffix(f".{header['identity'][:8]}{self.path.suffix}")
            self.path.replace(aside)
            self.log(f"{self.path}: of other settings, data or code; kept as {aside.name}")
            return None
        if not self.own:
            self.earlier = header["seconds"]
        self.log(f"{self.path}: going on after {header['seconds']:.0f} s of work")
        return Snapshot(_groups(content), header["facts"])

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise UserError(
                f"{self.path}: unfinished work cannot be kept here ({error.strerror}); move away "
                "what is in its place, then run again"
            ) from error

    def keep(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take ``snapshot()`` for where the computation stands, until the next call."""
        self.snapshot = snapshot
        self.poll()
        if time.monotonic() - self.saved >= self.interval:
            self._try_to_save(snapshot())

    def poll(self) -> None:
        """Save the snapshot last kept and leave, if a signal said so."""
        if not self.signal:
            return
        if self.snapshot is None:
            raise StoppedError(f"{self.signal}: nothing new to save; run again to go on")
        refused = self._try_to_save(self.snapshot())
        saved = "not saved" if refused else f"saved to {self.path}"
        raise StoppedError(f"{self.signal}: {saved}; run again to go on")

    def _try_to_save(self, snapshot: Snapshot) -> UserError | None:
        """Save where the disk takes it; otherwise say so once and return what it said.

        There may be room for the results yet: they are smaller than a second state.
        """
        try:
            self._save(snapshot)
        except UserError as refused:
            if not self.refused:
                self.log(f"warning: {refused}. Until then the work goes on, and a stop loses it")
            self.refused = True
            return refused
        self.refused = False
        return None

    def _save(self, snapshot: Snapshot) -> None:
        self.saved = time.monotonic()
        header = {
            "identity": self.identity,
            "seconds": self.earlier + self.saved - self.start,
            "facts": snapshot.facts,
        }
        content = _content(snapshot, header)
        write_bytes(self.path, content + hashlib.sha256(content).digest())
        self.own = True


def _content(snapshot: Snapshot, header: dict[str, Any]) -> bytes:
    tensors = {
        f"{group}/{name}": value.detach().cpu().contiguous()
        for group, values in snapshot.tensors.items()
        for name, value in values.items()
    }
    return safetensors.torch.save(tensors, {"sidecar": json.dumps(header)})


def _verified(sealed: bytes) -> bytes | None:
    """Return what stands before the digest at the end; None where it has another digest."""
    content, digest = sealed[:-_DIGEST], sealed[-_DIGEST:]
    return content if content and hashlib.sha256(content).digest() == digest else None


def _header(content: bytes) -> dict[str, Any] | None:
    """Return identity, seconds and facts; None where a sound file is none of a `Sidecar`."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["sidecar"])
        return {key: header[key] for key in ("identity", "seconds", "facts")}
    except (ValueError, KeyError, TypeError):
        return None


def _groups(content: bytes) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, value in safetensors.torch.load(content).items():
        group, _, name = key.partition("/")
        groups[group][name] = value.clone()  # aligned in memory
    return groups


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state, whose entries are all tensors, as ``parameter.entry``."""
    return {
        f"{index}.{name}": value
        for index, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give the optimiser the state that `optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state[int(index)][name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
