from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from damage import DAMAGE, swap
from flowdepth.base.errors import UserError
from flowdepth.base.machine import processor
from flowdepth.study import provenance
from flowdepth.study.layout import PROVENANCE
from flowdepth.study.provenance import bring_back, read, verify, verify_changed
from helpers import leave_provenance


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """The folder of a pack at K = 2 with a model and a history."""
    folder = tmp_path / "K2" / "seeds0+1"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(range(200)))
    (folder / "history.csv").write_text("seed,epoch\n0,1\n")
    names = ["model.safetensors", "history.csv"]
    leave_provenance(folder, "train", names, depth=2, seeds=(0, 1))
    return folder


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_file_is_refused(pack: Path, damage: Callable[[bytes], bytes]) -> None:
    path = pack / "model.safetensors"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert verify(path) == expected
    path.write_bytes(damage(path.read_bytes()))
    words = f"model.safetensors: damaged .*expected {expected[:12]} as stage train wrote it"
    with pytest.raises(
        UserError, match=f"{words}.*delete it and run `snakemake .*model.safetensors`"
    ):
        verify(path)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_provenance_is_refused(pack: Path, damage: Callable[[bytes], bytes]) -> None:
    record = pack / f"train{PROVENANCE}"
    record.write_bytes(damage(record.read_bytes()))
    with pytest.raises(UserError, match=r"train.provenance.json: damaged"):
        verify(pack / "history.csv")


def test_every_byte_of_the_provenance_is_covered_by_its_sum(pack: Path) -> None:
    record = pack / f"train{PROVENANCE}"
    whole = record.read_bytes()
    for place in range(0, len(whole), 7):
        record.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"train.provenance.json: damaged"):
            read(record)


def test_pack_of_another_depth_is_refused(pack: Path) -> None:
    pack.parent.rename(pack.parent.with_name("K4"))
    path = pack.parent.with_name("K4") / pack.name / "history.csv"
    with pytest.raises(UserError, match=r"history.csv: found results of K = 2 .*, expected K = 4"):
        verify(path)


def test_missing_or_unknown_file_is_named(pack: Path) -> None:
    with pytest.raises(UserError, match=r"none.csv: missing; run snakemake"):
        verify(pack / "none.csv")
    (pack / "own.csv").touch()
    with pytest.raises(UserError, match=r"own.csv: no \*.provenance.json beside it or above"):
        verify(pack / "own.csv")
    with pytest.raises(UserError, match=r"none.provenance.json: missing"):
        read(pack / f"none{PROVENANCE}")


def test_job_tells_the_files_that_it_read_and_wrote(pack: Path) -> None:
    model, metrics = pack / "model.safetensors", pack / "metrics.csv"
    metrics.write_text("seed\n0\n")
    settings = '{"samples": 20}'
    cost = {"device": "cuda", "seconds": 7}
    path = leave_provenance(pack, "evaluate", [metrics], [model], settings, cost, depth=2)
    facts = read(path)
    assert facts["inputs"] == {"model.safetensors": verify(model)}
    assert facts["outputs"] == {"metrics.csv": hashlib.sha256(b"seed\n0\n").hexdigest()}
    assert (facts["device"], facts["seconds"], facts["depth"]) == ("cuda", 7, 2)
    assert facts["settings"] == {"samples": 20}
    assert facts["stage"] == "evaluate"
    assert facts["code"] == "code"
    assert facts["peak_memory_mb"] > 10
    assert facts["processor"] == processor()
    provenance.verify_outputs(path)


def test_provenance_is_found_in_the_folder_above_its_file(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    figure = tmp_path / "figures" / "nll.svg"
    figure.write_text("<svg/>")
    leave_provenance(tmp_path, "figures", ["figures/nll.svg"])
    assert verify(figure)


def set_time(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))


@pytest.mark.parametrize("seconds", [1e9, 3e9])
def test_changed_file_of_an_earlier_or_later_time_is_noticed(
    pack: Path, tmp_path: Path, seconds: float
) -> None:
    path = pack / "model.safetensors"
    set_time(path, seconds)
    verify_changed(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    set_time(path, seconds)
    with pytest.raises(UserError, match=r"model.safetensors: damaged"):
        verify_changed(tmp_path)
    path.unlink()
    verify_changed(tmp_path)


def test_swapped_provenances_of_two_packs_are_noticed(pack: Path, tmp_path: Path) -> None:
    other = pack.with_name("seeds2+3")
    shutil.copytree(pack, other)
    (other / "history.csv").write_text("seed,epoch\n2,1\n")
    leave_provenance(other, "train", ["model.safetensors", "history.csv"], depth=2, seeds=(2, 3))
    verify_changed(tmp_path)
    swap(pack / f"train{PROVENANCE}", other / f"train{PROVENANCE}")
    with pytest.raises(UserError, match=r"history.csv: damaged .*seeds0\+1/train.provenance.json"):
        verify_changed(tmp_path)


def test_results_dated_ahead_are_brought_back_and_others_left(pack: Path, tmp_path: Path) -> None:
    record, ahead = pack / f"train{PROVENANCE}", time.time() + 7200
    earlier = (pack / "history.csv").stat().st_mtime_ns
    for path in (record, pack / "model.safetensors"):
        os.utime(path, (ahead, ahead))
    bring_back(tmp_path)
    assert record.stat().st_mtime_ns == (pack / "model.safetensors").stat().st_mtime_ns
    assert record.stat().st_mtime < ahead - 7000
    assert (pack / "history.csv").stat().st_mtime_ns == earlier
    verify_changed(tmp_path)


def test_results_computed_from_what_was_written_again_get_no_provenance(pack: Path) -> None:
    recorder = provenance.Recorder("evaluate", [pack / "model.safetensors"], "{}", "")
    (pack / "model.safetensors").write_bytes(b"another")
    (pack / "metrics.csv").write_text("seed\n0\n")
    with pytest.raises(UserError, match=r"model.safetensors: was written again while this job ran"):
        recorder.write(pack / f"evaluate{PROVENANCE}", [pack / "metrics.csv"])
    assert not (pack / f"evaluate{PROVENANCE}").exists()


def test_results_computed_from_what_was_written_again_are_not_confirmed(pack: Path) -> None:
    model = pack / "model.safetensors"
    recorder = provenance.Recorder("evaluate", [model], "{}", "code")
    recorder.confirm()
    model.write_bytes(b"of another training")
    with pytest.raises(UserError, match=r"model.safetensors: was written again while this job ran"):
        recorder.confirm()
    model.unlink()
    with pytest.raises(UserError, match="run snakemake again"):
        recorder.confirm()


def test_origins_are_followed_to_the_first_file(pack: Path, tmp_path: Path) -> None:
    (pack / "metrics.csv").touch()
    leave_provenance(pack, "evaluate", ["metrics.csv"], [pack / "model.safetensors"])
    (tmp_path / "summary.csv").touch()
    leave_provenance(tmp_path, "summarise", ["summary.csv"], [pack / "metrics.csv"])
    provenance.verify_origins([tmp_path / "summary.csv"])
    (pack / "model.safetensors").write_bytes(b"of another training")
    leave_provenance(pack, "train", ["model.safetensors", "history.csv"], depth=2, seeds=(0, 1))
    with pytest.raises(UserError, match=r"evaluate.provenance.json: .* another model.safetensors"):
        provenance.verify_origins([tmp_path / "summary.csv"])
