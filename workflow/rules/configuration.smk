# The texts of the configuration, before Snakemake merges what it reads in them.

from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from flowdepth.base.errors import UserError
from flowdepth.settings.written import check_file

try:
    for path in (*workflow.overwrite_configfiles, Path("config.yaml")):
        check_file(path)
except UserError as error:
    raise WorkflowError(str(error))


def merge_kinds(settings):
    """Have a flow's kind alone replace the kind, not the rest of what a file says of the flow."""
    merged = {}
    for part in (*map(load_configfile, settings.configfiles), settings.config):
        if isinstance(part.get("flow"), str):
            part = {**part, "flow": {"kind": part["flow"]}}
        update_config(merged, part)
    settings.overwrite_config = merged


merge_kinds(workflow.config_settings)
