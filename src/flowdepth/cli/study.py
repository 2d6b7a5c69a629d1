"""The commands on a study in a folder of one's own."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from flowdepth.study import workplace


def init(args: argparse.Namespace) -> None:
    """Begin a study in a folder of its own."""
    for path in workplace.begin(args.folder):
        print(f"wrote {path}")
    print(f"next: cd {shlex.quote(str(args.folder))} && flowdepth run {workplace.STUDY} -n")


def run(args: argparse.Namespace) -> None:
    """Run a study in this folder; does not return."""
    _snakemake(args)


def plan(args: argparse.Namespace) -> None:
    """Say what a study will take; does not return."""
    _snakemake(args, "plan", "--quiet")


def status(args: argparse.Namespace) -> None:
    """Say how far a study is; does not return."""
    _snakemake(args, "status", "--quiet")


def _snakemake(args: argparse.Namespace, *target: str) -> None:
    words = workplace.command(args.study, [*target, *args.options])
    os.execv(words[0], words)  # noqa: S606


def watch(args: argparse.Namespace) -> None:
    """Follow a study until it is done; does not return."""
    words = [*args.options, *workplace.options(args.study)]
    module = [sys.executable, "-P", "-m", "flowdepth.monitor.watch"]
    os.execv(module[0], [*module, *words])  # noqa: S606
