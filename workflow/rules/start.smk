# Before the first job: nothing was damaged since it was written, and no job of an earlier run is at
# work still. Under SLURM a study is not submitted twice, and its jobs run the code they were submitted
# with.

import os
import sys

from flowdepth.cluster import submission
from flowdepth.monitor.jobs import LOOKING
from flowdepth.study import provenance, running
from flowdepth.study.oddities import oddities

# Where a study stands is told with what is damaged.
LOOKS = LOOKING in os.environ or bool({"plan", "status", "verify"} & {*sys.argv[1:]})
JOB_CODE = " ".join(map(code, layout.PACK_OUTPUTS))


try:
    submission.check_code(JOB_CODE)
    # Now, because a plan without a job would find nothing damaged, and Snakemake clears the results
    # of what is to run again.
    if workflow.is_main_process and not LOOKS:
        if understood := catalogue.understood(study.dataset):
            print(understood, file=sys.stderr)
        for sentence in oddities(study):
            print(f"note: {sentence}", file=sys.stderr)
        provenance.verify_changed(FOLDER)
        provenance.bring_back(FOLDER)
except UserError as error:
    raise WorkflowError(str(error))


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


onstart:
    try:
        # The queue knows jobs on every node, and can be overruled.
        if workflow.executor_plugin.name == "slurm":
            submit_once()
        elif not LOOKS:
            running.refuse_running(FOLDER)
    except UserError as error:
        raise WorkflowError(str(error))
