# Before the first job: nobody else works on the study, nothing was damaged since it was written, and
# what does not belong to the study as it is now runs again. Under SLURM a study is not submitted
# twice, and its jobs run the code they were submitted with.

import os
import signal
import sys
from contextlib import contextmanager

import snakemake.dag
import snakemake.jobs
import snakemake.workflow
from snakemake.exceptions import LockException
from snakemake.persistence.file import FilePersistence

from flowdepth.cluster import submission
from flowdepth.monitor.jobs import LOOKING
from flowdepth.study import lineage, locks, provenance, running

# Where a study stands is told with what is damaged.
LOOKS = LOOKING in os.environ or "status" in sys.argv[1:]
JOB_CODE = " ".join(map(code, layout.PACK_OUTPUTS))


def refuse_targets(targets):
    """Say what to write for a target that people take for one."""
    for target in map(str, targets):
        if target in layout.PACK_OUTPUTS:
            raise WorkflowError(
                f"{target}: is done for each depth and pack of seeds, and no target by itself; "
                f"`snakemake --until {target}` does it for all, `snakemake K{study.depths[-1]}` "
                "one depth"
            )
        if re.fullmatch(r"K[0-9]+", target) and int(target[1:]) not in study.depths:
            grid = [*study.depths, int(target[1:])]
            raise WorkflowError(
                f"{target}: the study has the depths {', '.join(map(str, study.depths))}; with "
                f"--config depths='{grid}', or in its file, it has this one as well"
            )


class Unfit(snakemake.jobs.Reason):
    """Why Snakemake runs a job again whose results do not belong to this study."""

    def __init__(self, why):
        super().__init__()
        self.why = why

    def __str__(self):
        return (
            f"No longer of this study: {self.why}" if self.forced else super().__str__()
        )


class Plan(snakemake.dag.DAG):
    """Runs again what does not belong to this study, whatever Snakemake's own records say.

    `--forcerun` would run it as well where the command line asks for something else.
    """

    def __init__(self, workflow, *words, forcefiles, **options):
        refuse_targets(workflow.dag_settings.targets)
        counts = "params" in map(str, workflow.dag_settings.rerun_triggers)
        found = lineage.unfit(study, FOLDER, code if counts else None, SOURCE)
        self._unfit = {str(job.record): why for job, why in found.items()}
        forced = {*forcefiles, *self._unfit}
        super().__init__(workflow, *words, forcefiles=forced, **options)

    def reason(self, job):
        for record in self._unfit.keys() & {*map(str, job.output)}:
            self._reason.setdefault(job, Unfit(self._unfit[record]))
        return super().reason(job)


try:
    submission.check_code(JOB_CODE)
    if workflow.is_main_process:
        snakemake.workflow.DAG = Plan
        # What nothing is made from, the paper, would be found damaged by no job.
        if not LOOKS:
            provenance.verify_changed(FOLDER, deep=False)
except UserError as error:
    raise WorkflowError(str(error))

write_locks = FilePersistence._write_locks


def sign_locks(persistence, kind, names):
    """Have the first line of a lock tell whose it is."""
    locked = list(names)
    write_locks(persistence, kind, locked and [locks.Holder.this().line, *locked])


def that_tells(lock):
    """Have Snakemake's way to lock a folder go on after a killed process, and name a living one."""

    @contextmanager
    def locked(persistence):
        folder = Path(persistence._lockdir)
        for holder in locks.release(folder):
            print(f"{holder} was killed at this study; going on", file=sys.stderr)
        try:
            with lock(persistence):
                yield
        except LockException as error:
            error.args = (locks.refusal(folder),)
            raise

    return locked


FilePersistence._write_locks = sign_locks
FilePersistence.lock = that_tells(FilePersistence.lock)
FilePersistence.lock_warn_only = that_tells(FilePersistence.lock_warn_only)


def submit_once():
    """Refuse a study whose jobs are in SLURM's queue, and name this one's by it."""
    this = submission.Submission(study.name, Path.cwd(), JOB_CODE)
    if submission.FORCE_VARIABLE not in os.environ:
        this.check(submission.queue())
    os.environ[submission.CODE_VARIABLE] = submission.short_hash(JOB_CODE)
    # The executor has named this run before any setting of ours could reach it.
    executor = workflow.scheduler._executor
    executor.run_uuid = f"{this.prefix}_{executor.run_uuid}"
    plugin = sys.modules[type(executor).__module__]
    plugin.query_job_status = submission.keep_unanswered(plugin.query_job_status)


def interrupt_once(*_):
    """Stop at the first Ctrl-C; a second one would end Snakemake amid its clearing up."""
    signal.signal(
        signal.SIGINT, lambda *_: os.write(2, b"stopping: jobs save what they have\n")
    )
    raise KeyboardInterrupt


onstart:
    signal.signal(signal.SIGINT, interrupt_once)
    try:
        # Now, because Snakemake clears the results of what is to run again.
        if not LOOKS:
            provenance.verify_changed(FOLDER)
            running.refuse_running(FOLDER)
        if workflow.executor_plugin.name == "slurm":
            submit_once()
    except UserError as error:
        raise WorkflowError(str(error))
