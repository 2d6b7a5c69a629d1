"""The quick study on a live SLURM cluster, undisturbed and disturbed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slurm.conftest import Study, wait

pytestmark = pytest.mark.slurm

Make = Callable[..., Study]
Numbers = Callable[[Study], dict[str, bytes]]

# One training of some ten seconds at least, so that it can be hit.
# Without patience, which would end a training before what is to happen to it.
LONGER = ("depths=[2]", "training={epochs: 600, patience: null}")
TRAINED = r"^training K = 2"
RESUMED = r"going on after"
PARTITIONS = """
partitions:
  main: {max_runtime: 1d, max_mem_mb: 16000, max_threads: 8, max_gpu: 0}
  gpu: {max_runtime: 1d, max_mem_mb: 16000, max_threads: 8, max_gpu: 2}
"""


def test_cluster_computes_the_same_numbers(study: Make, undisturbed: Numbers) -> None:
    quick = study("seeds=[0, 1]")
    quick.finish(quick.submit())
    assert (quick.results / "report.html").exists()
    assert quick.numbers() == undisturbed(quick)
    assert quick.times(r"^training K =") == 2
    assert not quick.times(r"^reading digits")


@pytest.mark.long
def test_gpu_jobs_get_their_partition_and_a_device_each(study: Make, tmp_path: Path) -> None:
    quick = study("depths=[0, 2]", LONGER[1], "device=cpu")
    (tmp_path / "partitions.yaml").write_text(PARTITIONS)
    partitions = {"SNAKEMAKE_SLURM_PARTITIONS": str(tmp_path / "partitions.yaml")}
    main = quick.submit("--set-resources", "train:gpu=1", **partitions)
    running = ("--states=RUNNING", "--partition=gpu")
    wait("two GPU jobs at once", lambda: len(quick.queue("%k", *running)) == 2)
    wait("both trainings", lambda: len(_devices(quick.folder)) == 2)
    assert sorted(_devices(quick.folder)) == ["0", "1"]
    main.send_signal(signal.SIGINT)
    main.wait()


def _devices(folder: Path) -> list[str]:
    """Return CUDA_VISIBLE_DEVICES of the trainings that run in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() != folder:
                continue
            words = (process / "cmdline").read_bytes().split(b"\0")
            variables = (process / "environ").read_bytes().decode().split("\0")
        except OSError:
            continue
        if words[1:3] == [b"-m", b"flowdepth.stages.train"]:
            found += [v.partition("=")[2] for v in variables if v.startswith("CUDA_VISIBLE_DEV")]
    return found


@pytest.mark.long
def test_cancelled_training_is_tried_again_with_more(study: Make, undisturbed: Numbers) -> None:
    longer = study(*LONGER)
    main = longer.submit("summarise")
    first = longer.wait_for_epoch(100)
    limits = longer.queue("%l %m", f"--jobs={first}")
    longer.cluster.command("scancel", first)
    wait("a second attempt", lambda: longer.job("train") not in ("", first))
    assert longer.queue("%l %m", f"--jobs={longer.job('train')}") != limits
    longer.finish(main)
    assert longer.numbers() == undisturbed(longer)
    assert longer.times(RESUMED) == 1


@pytest.mark.long
def test_training_longer_than_its_time_limit_finishes(study: Make, undisturbed: Numbers) -> None:
    # Two minutes on a fast machine; as many attempts as a slow one needs, each of a minute.
    longest = study("depths=[2]", "training={epochs: 6000, patience: null}")
    # Each attempt would ask for more memory as well, in the end for more than the node has.
    asked = "--set-resources", "train:runtime=1", "train:mem_mb=1000"
    longest.finish(longest.submit("summarise", "--retries", "20", *asked))
    assert longest.numbers() == undisturbed(longest)
    assert longest.times(RESUMED) >= 1


@pytest.mark.long
def test_requeued_training_uses_up_no_attempt(study: Make, undisturbed: Numbers) -> None:
    longer = study(*LONGER)
    extra = "train:slurm_extra='--requeue --open-mode=append'"
    main = longer.submit(
        "summarise", "--retries", "0", "--set-resources", extra, FLOWDEPTH_REQUEUE="1"
    )
    job = longer.wait_for_epoch(100)
    longer.cluster.command("scancel", "--signal=TERM", job)
    longer.finish(main)
    assert "Restarts=1" in longer.cluster.command("scontrol", "show", "job", job)
    assert longer.numbers() == undisturbed(longer)
    assert longer.times(RESUMED) == 1


@pytest.mark.long
def test_study_survives_a_node_that_goes_down(study: Make, undisturbed: Numbers) -> None:
    longer = study(*LONGER)
    main = longer.submit("summarise")
    job = longer.wait_for_epoch(100)
    node = ("scontrol", "update", "nodename=node1")
    longer.cluster.command(*node, "state=down", "reason=test")
    wait("the job to wait", lambda: longer.queue("%i", "--states=PENDING") == [job])
    # One that registers anew is back by itself, and then cannot be resumed.
    if "down" in longer.cluster.command("sinfo", "--noheader", "--format=%T", "--nodes=node1"):
        longer.cluster.command(*node, "state=resume")
    longer.finish(main)
    assert "Restarts=1" in longer.cluster.command("scontrol", "show", "job", job)
    assert longer.numbers() == undisturbed(longer)


@pytest.mark.long
def test_controller_away_for_15_seconds_repeats_no_work(study: Make, undisturbed: Numbers) -> None:
    longer = study(*LONGER)
    main = longer.submit("summarise")
    longer.wait_for_epoch(100)
    longer.cluster.stop_controller()
    time.sleep(15)
    longer.cluster.start_controller()
    longer.finish(main)
    assert longer.numbers() == undisturbed(longer)
    assert longer.times(TRAINED) == 1


@pytest.mark.long
def test_interrupt_cancels_jobs_and_repeats_no_finished_work(
    study: Make, undisturbed: Numbers
) -> None:
    longer = study("depths=[0, 2]", LONGER[1])
    main = longer.submit("K0")
    longer.finish(main)
    main = longer.submit("summarise")
    longer.wait_for_epoch(100)
    main.send_signal(signal.SIGINT)
    main.wait()
    wait("an empty queue", lambda: not longer.queue())
    longer.finish(longer.submit("summarise"))
    assert longer.numbers() == undisturbed(longer)
    assert longer.times(r"^training K = 0") == 1


def test_jobs_of_a_killed_main_process_are_not_submitted_twice(
    study: Make, undisturbed: Numbers
) -> None:
    longer = study(*LONGER)
    main = longer.submit("summarise")
    job = longer.wait_for_epoch(100)
    main.kill()
    main.wait()
    again = longer.submit("summarise")
    again.wait()
    assert again.returncode != 0
    told = longer.main_log()
    assert "study quick is in the queue already (jobs: 1)" in told
    assert f"\n  scancel {job}\n" in told
    assert "Traceback" not in told
    assert longer.queue() == [job]
    wait("the job's own end", lambda: not longer.queue())
    longer.finish(longer.submit("summarise"))
    assert longer.numbers() == undisturbed(longer)
    assert longer.times(TRAINED) == 1
