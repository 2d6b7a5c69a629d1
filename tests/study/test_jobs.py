from __future__ import annotations

from pathlib import Path

from flowdepth.settings.study import Study, read_study
from flowdepth.study.jobs import jobs, settings

FOLDER = Path("results/t")


def study(**sections: object) -> Study:
    chosen = {"name": "t", "depths": [0, 2], "seeds": [0, 1, 2], "seeds_per_job": 2}
    return read_study(chosen | {"gaps": {"images": 0}, "certify": {"images": 0}} | sections)


def test_a_pack_has_a_job_for_each_stage_that_the_study_wants() -> None:
    plain = [job for job in jobs(study(), FOLDER) if job.depth is not None]
    assert [(job.stage, job.depth, job.seeds) for job in plain] == [
        (stage, depth, seeds)
        for stage in ("train", "evaluate")
        for depth in (0, 2)
        for seeds in ((0, 1), (2,))
    ]
    plane = study(model={"latent": 2}, evaluate={"exact": True}, gaps={"images": 3}, certify={})
    asked = {job.stage for job in jobs(plane, FOLDER)} - {
        job.stage for job in jobs(study(), FOLDER)
    }
    assert asked == {"certify", "exact", "gaps", "gap_figures", "posteriors"}


def test_a_job_writes_record_and_log_where_the_layout_has_them() -> None:
    found = {job.stage: job for job in jobs(study(depths=[2], seeds=[0, 1]), FOLDER)}
    assert found["prepare"].record == FOLDER / "data" / "prepare.provenance.json"
    assert found["train"].record == FOLDER / "K2" / "seeds0+1" / "train.provenance.json"
    assert found["train"].log == FOLDER / "logs" / "train" / "K2_seeds0+1.log"
    assert found["report"].log == FOLDER / "logs" / "report.log"


def test_a_section_counts_for_the_stages_that_use_it_alone() -> None:
    other = study(report={"title": "Another"}, dataset={"root": "elsewhere"})
    stages = {job.stage for job in jobs(study(), FOLDER)}
    differing = {stage for stage in stages if settings(study(), stage) != settings(other, stage)}
    assert differing == {"figures", "paper", "report"}
