from __future__ import annotations

import hashlib
import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch

from flowdepth.base.errors import StoppedError, UserError
from flowdepth.compute import resume
from flowdepth.compute.resume import Sidecar, Snapshot, optimizer_tensors, restore_optimizer

IDENTITY = {"seeds": [1, 2], "settings": "a"}
Lines = list[str]


def snapshot(updates: int = 3) -> Snapshot:
    values = {"x": torch.arange(6.0).view(2, 3), "step": torch.tensor(updates)}
    return Snapshot({"model": values}, {"updates": updates, "best": -math.inf, "third": 1 / 3})


def sidecar(path: Path, lines: Lines, interval: float = 0.0, **identity: object) -> Sidecar:
    return Sidecar(path, IDENTITY | identity, interval, lines.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a sidecar that a computation left after three updates."""
    path = tmp_path / "train_unfinished.safetensors"
    sidecar(path, []).keep(snapshot)
    return path


@pytest.fixture
def handlers() -> Iterator[None]:
    """Give the signals back their handlers, which a stopped sidecar keeps."""
    before = {number: signal.getsignal(number) for number in resume._SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_state_comes_back_unchanged(path: Path) -> None:
    lines: Lines = []
    recalled = sidecar(path, lines).recall()
    assert recalled is not None
    assert recalled.facts == snapshot().facts
    for name, value in snapshot().tensors["model"].items():
        assert torch.equal(recalled.tensors["model"][name], value)
    assert len(lines) == 1
    assert "going on after" in lines[0]


def test_work_without_a_state_begins_silently(tmp_path: Path) -> None:
    lines: Lines = []
    assert sidecar(tmp_path / "none", lines).recall() is None
    assert not lines


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "torn in the header": lambda content: content[:20],
    "torn at the end": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "other bytes": lambda content: bytes(len(content)),
    "digest alone": lambda content: content[-32:],
    "digest of nothing": lambda content: hashlib.sha256().digest(),
    "other fact": lambda content: content.replace(b'updates\\": 3', b'updates\\": 4'),
    "no digest": lambda content: content[:-32],
    "the same twice": lambda content: content * 2,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_reported_and_not_used(
    path: Path, damage: Callable[[bytes], bytes]
) -> None:
    content = path.read_bytes()
    assert damage(content) != content
    path.write_bytes(damage(content))
    lines: Lines = []
    assert sidecar(path, lines).recall() is None
    assert len(lines) == 1
    assert "damaged" in lines[0]


def test_a_flipped_bit_is_found_anywhere_in_the_file(path: Path) -> None:
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        assert sidecar(path, []).recall() is None


def test_the_file_ends_with_the_digest_of_the_safetensors_before_it(path: Path) -> None:
    content, digest = path.read_bytes()[:-32], path.read_bytes()[-32:]
    assert hashlib.sha256(content).digest() == digest
    assert safetensors.torch.load(content).keys() == {"model/x", "model/step"}


@pytest.mark.parametrize("facts", ["[]", "{}", '{"identity": "a"}', "null", "{", "7"])
def test_sound_file_of_another_kind_is_reported_and_not_used(path: Path, facts: str) -> None:
    content = safetensors.torch.save({"model/x": torch.zeros(1)}, {"sidecar": facts})
    path.write_bytes(content + hashlib.sha256(content).digest())
    lines: Lines = []
    assert sidecar(path, lines).recall() is None
    assert "damaged" in lines[0]


def test_folder_in_the_place_of_the_state_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"a: unfinished work cannot be kept here \(Is a directory"):
        sidecar(tmp_path / "a", []).recall()


def test_state_of_other_settings_is_set_aside(path: Path) -> None:
    content = path.read_bytes()
    lines: Lines = []
    assert sidecar(path, lines, settings="b").recall() is None
    (aside,) = path.parent.iterdir()
    assert aside != path
    assert aside.read_bytes() == content
    assert len(lines) == 1
    assert aside.name in lines[0]


def test_failed_work_keeps_its_file(path: Path) -> None:
    content = path.read_bytes()

    def work() -> None:
        with sidecar(path, [], interval=3600) as unfinished:
            unfinished.keep(lambda: snapshot(7))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert path.read_bytes() == content


def test_finished_work_brings_its_file_to_the_end(path: Path) -> None:
    with sidecar(path, [], interval=3600) as unfinished:
        unfinished.keep(lambda: snapshot(7))
    recalled = sidecar(path, []).recall()
    assert recalled is not None
    assert recalled.facts["updates"] == 7


def test_short_work_leaves_no_file(tmp_path: Path) -> None:
    with sidecar(tmp_path / "a", [], interval=3600) as unfinished:
        unfinished.keep(snapshot)
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("full")
def test_finished_work_without_room_keeps_what_it_had(path: Path) -> None:
    content = path.read_bytes()
    with sidecar(path, [], interval=3600) as unfinished:
        unfinished.keep(lambda: snapshot(7))
    assert path.read_bytes() == content


def test_states_are_saved_no_more_often_than_the_interval(tmp_path: Path) -> None:
    seldom = sidecar(tmp_path / "a", [], interval=3600)
    for updates in range(5):
        seldom.keep(lambda updates=updates: snapshot(updates))
    assert not (tmp_path / "a").exists()


def test_seconds_of_earlier_attempts_are_counted(path: Path) -> None:
    second = sidecar(path, [])
    second.start -= 100
    second.recall()
    first = second.earlier
    second.keep(snapshot)
    third = sidecar(path, [])
    third.recall()
    assert third.earlier >= first + 100


def test_seconds_count_once_when_a_process_recalls_what_it_saved_itself(path: Path) -> None:
    first = sidecar(path, [])
    first.recall()
    earlier = first.earlier
    first.start -= 100
    first.keep(snapshot)
    first.recall()
    assert first.earlier == earlier
    first.keep(snapshot)
    second = sidecar(path, [])
    second.recall()
    assert 100 <= second.earlier - earlier < 200


@pytest.fixture
def full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for a second state beside that of ``path``."""

    def refuse(path: Path, content: bytes) -> None:
        raise UserError(f"{path}: could not be written (No space left on device); make room")

    monkeypatch.setattr(resume, "write_bytes", refuse)


@pytest.mark.usefixtures("full")
def test_work_goes_on_where_the_disk_has_no_room_for_its_state(path: Path) -> None:
    before, lines = path.read_bytes(), []
    unfinished = sidecar(path, lines)
    for updates in range(4, 7):
        unfinished.keep(lambda updates=updates: snapshot(updates))
    assert [line.split(";")[0] for line in lines] == [
        f"warning: {path}: could not be written (No space left on device)"
    ]
    assert path.read_bytes() == before


def test_work_saves_again_once_there_is_room(tmp_path: Path) -> None:
    lines: Lines = []
    unfinished = sidecar(tmp_path / "file" / "a", lines)
    (tmp_path / "file").touch()
    unfinished.keep(snapshot)
    assert "a folder where the file" in lines.pop()
    (tmp_path / "file").unlink()
    unfinished.keep(lambda: snapshot(9))
    assert not lines
    assert sidecar(tmp_path / "file" / "a", []).recall().facts["updates"] == 9


@pytest.mark.usefixtures("full", "handlers")
def test_a_stop_without_room_says_that_nothing_was_saved(path: Path) -> None:
    def work() -> None:
        with sidecar(path, [], interval=3600) as unfinished:
            unfinished.keep(lambda: snapshot(7))
            os.kill(os.getpid(), signal.SIGTERM)
            unfinished.poll()

    with pytest.raises(StoppedError, match="SIGTERM: not saved; run again to go on"):
        work()
    assert sidecar(path, []).recall().facts["updates"] == 3


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_signal_saves_the_last_state_and_a_second_one_does_no_harm(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "a"

    def work() -> None:
        with sidecar(path, [], interval=3600) as unfinished:
            unfinished.keep(lambda: snapshot(7))
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), number)
            unfinished.poll()

    with pytest.raises(StoppedError, match=f"{number.name}: saved to {path}"):
        work()
    os.kill(os.getpid(), number)
    recalled = sidecar(path, []).recall()
    assert recalled is not None
    assert recalled.facts["updates"] == 7


@pytest.mark.usefixtures("handlers")
def test_signal_before_any_step_leaves_what_is_there(path: Path) -> None:
    content = path.read_bytes()

    def work() -> None:
        with sidecar(path, []) as unfinished:
            unfinished.recall()
            os.kill(os.getpid(), signal.SIGTERM)
            unfinished.poll()

    with pytest.raises(StoppedError):
        work()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "kind",
    [
        lambda p: torch.optim.Adam(p, fused=True),
        lambda p: torch.optim.Adamax(p, foreach=True),
        lambda p: torch.optim.RMSprop(p, momentum=0.9),
    ],
)
def test_restored_optimiser_goes_the_same_way(
    kind: Callable[[list[torch.Tensor]], torch.optim.Optimizer],
) -> None:
    ends = []
    for restart in (False, True):
        x = torch.ones(3, requires_grad=True)
        optimizer = kind([x])
        for step in range(4):
            if restart and step == 2:
                kept = {name: t.clone() for name, t in optimizer_tensors(optimizer).items()}
                optimizer = kind([x])
                restore_optimizer(optimizer, kept)
            optimizer.zero_grad()
            x.pow(3).sum().backward()
            optimizer.step()
        ends.append(x.detach())
    assert torch.equal(*ends)
