"""What Snakemake says in the terminal, in the words of a study: `snakemake --logger flowdepth`."""

from __future__ import annotations

import sys
import time
from logging import LogRecord
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from flowdepth.monitor.run import Run

_FOR_THE_LOG = (
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.PROGRESS,
)


class LogHandler(LogHandlerBase):
    """Tells of a run what people want to see of it.

    Plans, and details that were asked for, are left to Snakemake.
    """

    writes_to_file = has_filter = has_formatter = needs_rulegraph = False

    def __post_init__(self) -> None:
        # Snakemake imports this module whatever it runs, also beside another flowdepth.
        from flowdepth.monitor.run import Run

        self._console = Console(stderr=True, force_terminal=sys.stderr.isatty())
        self._run: Run = Run(appends=not self._console.is_interactive)
        self._live = Live(
            console=self._console,
            get_renderable=self._progress,
            refresh_per_second=1,
            redirect_stdout=False,
        )

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake itself is to say nothing."""
        asked = self.common_settings
        return not (asked.dryrun or asked.verbose or asked.debug_dag or asked.printshellcmds)

    def filter(self, record: LogRecord) -> bool:
        """Return whether --quiet lets pass what Snakemake tells: a failure, unless all is to be."""
        quiet = {kind.name for kind in self.common_settings.quiet or ()}
        failed = getattr(record, "event", None) == LogEvent.JOB_ERROR and "ALL" not in quiet
        return failed or bool(super().filter(record))

    def emit(self, record: LogRecord) -> None:
        """Say what there is to say of something that Snakemake tells."""
        if not self.writes_to_stream:
            return
        try:
            if said := self._said(record):
                self._console.out(said, highlight=False)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Have the progress stay as it is."""
        self._live.stop()
        super().close()

    def _progress(self) -> Text:
        return Text(self._run.progress(time.time()), no_wrap=True, overflow="ellipsis")

    def _said(self, record: LogRecord) -> str:
        from flowdepth.monitor.run import is_noise

        facts: dict[str, Any] = record.__dict__
        now = record.created
        match facts.get("event"):
            case event if event in _FOR_THE_LOG:
                return ""
            case LogEvent.RUN_INFO:
                return self._planned(facts)
            case LogEvent.JOB_INFO:
                told = facts["jobid"], facts["rule_name"], facts["rule_msg"] or "", facts["log"]
                return self._run.started(*told, now)
            case LogEvent.JOB_FINISHED:
                return self._run.ended(facts["job_id"], now)
            case LogEvent.JOB_ERROR:
                return self._failed(facts, now)
            case _:
                said = self.format(record).strip()
                return "" if is_noise(said) else said

    def _planned(self, facts: dict[str, Any]) -> str:
        said = self._run.planned(facts["stats"], str(facts["msg"]))
        if self._console.is_interactive and self._run.progress(0.0):
            self._live.start()
        return said

    def _failed(self, facts: dict[str, Any], now: float) -> str:
        # A job whose output goes to the terminal as well has shown it.
        shown = "&> >(" in (facts["shellcmd"] or "") or not self.common_settings.show_failed_logs
        told = facts["jobid"], facts["rule_name"], facts["rule_msg"] or "", facts["log"]
        return self._run.failed(*told, shown, now)
