# The texts of the configuration, before Snakemake merges what it reads in them.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from flowdepth.base.errors import UserError
from flowdepth.settings.written import check_file

try:
    for path in (*workflow.overwrite_configfiles, Path("config.yaml")):
        check_file(path)
except UserError as error:
    raise WorkflowError(str(error))
