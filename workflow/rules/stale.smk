# What Snakemake plans: whatever does not belong to the study as it is now runs again.

import snakemake.dag
import snakemake.jobs
import snakemake.workflow
from snakemake.persistence.file import FilePersistence

from flowdepth.cluster.demand import Demand, in_all
from flowdepth.study import lineage


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


def asked(job):
    """The stage of a job and what it asks a cluster for."""
    found = job.resources
    gpu = int(getattr(found, "gpu", 0))
    return job.rule.name, Demand(found.mem_mb, found.runtime, job.threads, gpu)


class Plan(snakemake.dag.DAG):
    """Runs again what does not belong to this study, whatever Snakemake's own records say.

    `--forcerun` would run it as well where the command line asks for something else.
    """

    def __init__(self, workflow, *words, forcefiles, **options):
        refuse_targets(workflow.dag_settings.targets)
        counts = "params" in map(str, workflow.dag_settings.rerun_triggers)
        found = lineage.unfit(study, FOLDER, code if counts else None, SOURCE)
        if not LOOKS and (lost := lineage.replaced(study, FOLDER, found)):
            print(lost, file=sys.stderr)
        self._unfit = {str(job.record): why for job, why in found.items()}
        forced = {*forcefiles, *self._unfit}
        super().__init__(workflow, *words, forcefiles=forced, **options)

    def stats(self):
        """Beside the counts, what jobs ask a cluster for: it has a number of jobs at once."""
        table, counts = super().stats()
        stages = [*layout.PACK_OUTPUTS] if workflow.nodes else []
        jobs = [asked(job) for job in self.needrun_jobs() if job.rule.name in stages]
        jobs.sort(key=lambda job: stages.index(job[0]))
        return "\n".join([table, *in_all(jobs), ""]) if jobs else table, counts

    def reason(self, job):
        for record in self._unfit.keys() & {*map(str, job.output)}:
            self._reason.setdefault(job, Unfit(self._unfit[record]))
        return super().reason(job)


def recorded(code_of):
    """Have a command be on record as it once was: where a job's words go changes no result."""

    def code(persistence, made_by):
        text = code_of(persistence, made_by)
        return text and text.replace(TO_LOG, TO_BOTH)

    return code


FilePersistence._code = recorded(FilePersistence._code)
if workflow.is_main_process:
    snakemake.workflow.DAG = Plan
