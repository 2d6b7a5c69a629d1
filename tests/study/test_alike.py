from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowdepth.base.errors import UserError
from flowdepth.settings.study import read_study
from flowdepth.study.alike import differences, read_jobs, refuse, study_facts
from helpers import leave_pack_provenance

IMAGES = {"../../data/images.safetensors": "a" * 64}
PREPARED = {"outputs": {"images.safetensors": "a" * 64}}
SHORT = {"gaps": {"images": 0}, "certify": {"images": 0}}
STUDY = read_study({"name": "tiny", "depths": [0, 2, 4], "seeds": [0, 1], **SHORT})
Jobs = dict[Path, dict[str, Any]]


def job(stage: str = "train", **changes: object) -> dict[str, Any]:
    facts = {
        "stage": stage,
        "code": "flowdepth.model.dense@aaa flowdepth.model.vae@bbb",
        "settings": json.loads(STUDY.pack_settings(stage)),
        "versions": {"torch": "2.13.0", "python": "3.11.7"},
        "device": "cpu",
        "cpu_capability": "AVX2",
        "inputs": IMAGES,
        "git": {"commit": "c1", "dirty": False},
        "seconds": 2.0,
    }
    if changes.get("device") == "cuda":
        del facts["cpu_capability"]
    return {**facts, **changes}


def jobs(*odd: dict[str, Any]) -> Jobs:
    """Jobs of training at three depths, the last of them as given."""
    found = [job(), job(), job(), *(job("evaluate") for _ in range(3))]
    found[2:3] = odd or found[2:3]
    depths = (0, 2, 4, 0, 2, 4)
    return {Path(f"K{k}/{j['stage']}.json"): j for k, j in zip(depths, found, strict=True)}


def test_packs_made_alike_are_accepted() -> None:
    assert differences(STUDY, PREPARED, jobs()) == []
    refuse([])


ODD = {
    "code": (
        {"code": "flowdepth.model.dense@xxx flowdepth.model.vae@bbb"},
        "code of flowdepth.model.dense is aaa in K0/train.json, K2/train.json; "
        "xxx in K4/train.json",
    ),
    "module": (
        {"code": "flowdepth.model.dense@aaa"},
        "code of flowdepth.model.vae is bbb in K0/train.json, K2/train.json; none in K4/train.json",
    ),
    "torch": (
        {"versions": {"torch": "2.11.0"}},
        "torch is 2.13.0 in K0/train.json, K2/train.json; 2.11.0 in K4/train.json",
    ),
    "device": (
        {"device": "cuda"},
        "device is cpu AVX2 in K0/train.json, K2/train.json; cuda in K4/train.json",
    ),
    "instruction set": (
        {"cpu_capability": "AVX512"},
        "device is cpu AVX2 in K0/train.json, K2/train.json; cpu AVX512 in K4/train.json",
    ),
    "images": (
        {"inputs": {"../../data/images.safetensors": "b" * 64}},
        "SHA-256 sum of the images is aaaaaaaaaaaa in the study, K0/train.json, "
        "K2/train.json; bbbbbbbbbbbb in K4/train.json",
    ),
}


@pytest.mark.parametrize(("change", "words"), ODD.values(), ids=ODD)
def test_odd_pack_is_named_and_refused(change: dict[str, Any], words: str) -> None:
    lines = differences(STUDY, PREPARED, jobs(job(**change)))
    assert lines == [f"train: {words}"]
    with pytest.raises(UserError, match=r"not made alike.*\n  train: .*\n.*set report.mixed to"):
        refuse(lines)


def test_packs_of_one_gpu_have_no_instruction_set_to_differ_in() -> None:
    gpu = {path: job(one["stage"], device="cuda") for path, one in jobs().items()}
    assert differences(STUDY, PREPARED, gpu) == []


def test_packs_all_of_other_settings_than_the_study_s_are_noticed() -> None:
    study = STUDY.model_copy(update={"training": STUDY.training.model_copy(update={"epochs": 7})})
    trained, evaluated = differences(study, PREPARED, jobs())
    words = f"training.epochs is 7 in the study; {STUDY.training.epochs} in K0/"
    assert trained.startswith(f"train: {words}train.json")
    assert evaluated.startswith(f"evaluate: {words}evaluate")


def test_long_lists_of_files_are_cut_short() -> None:
    many = {Path(f"{i}.json"): job() for i in range(9)} | {Path("odd.json"): job(device="cuda")}
    (line,) = differences(STUDY, PREPARED, many)
    assert (
        line == "train: device is cpu AVX2 in 0.json, 1.json, 2.json and 6 more; cuda in odd.json"
    )


def test_facts_tell_what_differs_between_jobs() -> None:
    found = jobs(job(git={"commit": "c2", "dirty": True}, device_name="H100", device="cuda"))
    facts = study_facts(STUDY, found, {"name": "digits"}, ["a line"])
    assert [state["commit"] for state in facts["git"]] == ["c1", "c2"]
    assert facts["versions"] == {"torch": "2.13.0", "python": "3.11.7"}
    assert facts["devices"] == ["H100", "cpu"]
    assert facts["seconds"] == {"train": 6.0, "evaluate": 6.0}
    assert facts["mixed"] == ["a line"]
    assert "device" not in facts["settings"]


def test_optional_stage_is_compared_where_the_study_asks_for_it(tmp_path: Path) -> None:
    pack = tmp_path / "K0" / "seeds0"
    pack.mkdir(parents=True)
    for name in ("history", "metrics", "convergence"):
        (pack / f"{name}.csv").touch()
    (pack / "images.parquet").touch()
    (pack / "examples.safetensors").touch()
    leave_pack_provenance(pack, STUDY, 0, (0,))
    assert [facts["stage"] for facts in read_jobs(STUDY, [pack]).values()] == ["train", "evaluate"]
    asking = STUDY.model_copy(update={"gaps": STUDY.gaps.model_copy(update={"images": 3})})
    with pytest.raises(UserError, match=r"gaps.provenance.json: missing"):
        read_jobs(asking, [pack])
