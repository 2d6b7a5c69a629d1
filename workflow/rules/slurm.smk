# Under SLURM a study is not submitted twice, and its jobs run the code they were submitted with.

import os

from flowdepth import submission

JOB_CODE = " ".join(map(stamp, ("train", "evaluate", "exact", "gaps")))

try:
    submission.check_code(JOB_CODE)
except UserError as error:
    raise WorkflowError(str(error))


onstart:
    if workflow.executor_plugin.name == "slurm":
        this = submission.Submission(study.name, Path.cwd(), JOB_CODE)
        try:
            if submission.FORCE_VARIABLE not in os.environ:
                this.check(submission.queue())
        except UserError as error:
            raise WorkflowError(str(error))
        os.environ[submission.CODE_VARIABLE] = submission.digest(JOB_CODE)
        # The executor has named this run before any setting of ours could reach it.
        executor = workflow.scheduler._executor
        executor.run_uuid = f"{this.prefix}_{executor.run_uuid}"
