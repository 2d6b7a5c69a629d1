"""A SLURM cluster on this machine's loopback, all of it in one folder.

    python tests/slurm/cluster.py up FOLDER [--nodes 2]      prints what to export
    python tests/slurm/cluster.py down FOLDER

It needs no root, and its ports are free ones, so that several fit on one machine.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template

PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "srun": "slurm-client",
    "munged": "munge",
}
TEMPLATES = Path(__file__).parent
NODE = (
    "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=8 Boards=1 "
    "SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000 Gres=gpu:pretended:2"
)
# `srun` inside a job loses SLURM_CONF: Snakemake's job step strips what begins with SLURM_.
WRAPPER = '#!/bin/sh\nexport SLURM_CONF="{conf}"\nexec {srun} "$@"\n'
# The daemons are installed where an ordinary user's PATH does not look.
DAEMON_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def missing() -> str:
    """Return what this machine lacks and how to mend it; empty where a cluster can start."""
    lacking = [p for name, p in PACKAGES.items() if not shutil.which(name, path=DAEMON_PATH)]
    if not lacking:
        return ""
    return (
        f"no SLURM here: the Debian packages {', '.join(lacking)} are missing; install them "
        f"with `apt-get install --no-install-recommends {' '.join(lacking)}`"
    )


@dataclass(frozen=True)
class Cluster:
    """A controller and one or two nodes of eight processors and two pretended GPUs each."""

    folder: Path
    nodes: int = 1

    @property
    def conf(self) -> Path:
        """The configuration that every SLURM command reads."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead SLURM's commands to this cluster."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "SLURM_CONF": str(self.conf), "PATH": path}

    def command(self, *words: str) -> str:
        """Run one of SLURM's commands; return what it printed."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    def start(self) -> None:
        """Start every daemon, and wait until the nodes take jobs."""
        self.stop()
        self._write_files()
        self._start_munge()
        self.start_controller()
        for name in self._node_names():
            self._daemon("slurmd", "-f", str(self.conf), "-N", name)
        _wait("idle nodes", self._nodes_are_idle)

    def stop(self) -> None:
        """End all jobs and daemons, in whatever state they are; a stopped cluster is left alone."""
        if not self.conf.exists():
            return
        if _alive(self._pid_file("munged")):
            with suppress(subprocess.SubprocessError):
                self.start_controller()
                self.command("scancel", "--user", getpass.getuser())
                _wait("an empty queue", lambda: not self.command("squeue", "--noheader"))
        for pid_file in sorted((self.folder / "run").glob("slurm*.pid")):
            _end(pid_file)
        _end(self._pid_file("munged"))

    def start_controller(self) -> None:
        """Start the controller."""
        if not _alive(self._pid_file("slurmctld")):
            self._daemon("slurmctld", "-f", str(self.conf))
        _wait("the controller", self._controller_answers)

    def stop_controller(self) -> None:
        """Stop the controller; jobs go on."""
        _end(self._pid_file("slurmctld"))

    def _daemon(self, *words: str) -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        environment = {**self.environment, "PATH": DAEMON_PATH}
        subprocess.run(words, env=environment, check=True, start_new_session=True, **quiet)

    def _start_munge(self) -> None:
        run = self.folder / "run"
        self._daemon(
            "munged",
            f"--key-file={self.folder / 'etc' / 'munge.key'}",
            f"--socket={run / 'munge.socket'}",
            f"--pid-file={run / 'munged.pid'}",
            f"--seed-file={run / 'munged.seed'}",
            f"--log-file={self.folder / 'log' / 'munged.log'}",
            "--origin=127.0.0.1",
        )

    def _write_files(self) -> None:
        for name in ("etc", "run", "log", "state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # munged insists that everybody reaches its socket.
        self.folder.chmod(0o711)
        key = self.folder / "etc" / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        self.conf.write_text(self._configuration())
        shutil.copy(TEMPLATES / "gres.conf", self.conf.parent)
        srun = self.folder / "bin" / "srun"
        srun.write_text(WRAPPER.format(conf=self.conf, srun=shutil.which("srun")))
        srun.chmod(0o755)

    def _configuration(self) -> str:
        controller, *ports = _free_ports(1 + self.nodes)
        named = zip(self._node_names(), ports, strict=True)
        return Template((TEMPLATES / "slurm.conf").read_text()).substitute(
            folder=self.folder,
            user=getpass.getuser(),
            controller_port=controller,
            nodes="\n".join(NODE.format(name=name, port=port) for name, port in named),
        )

    def _node_names(self) -> list[str]:
        return [f"node{number + 1}" for number in range(self.nodes)]

    def _pid_file(self, daemon: str) -> Path:
        return self.folder / "run" / f"{daemon}.pid"

    def _controller_answers(self) -> bool:
        with suppress(subprocess.SubprocessError):
            return "UP" in self.command("scontrol", "ping")
        return False

    def _nodes_are_idle(self) -> bool:
        states = self.command("sinfo", "--noheader", "--Node", "--partition=main", "--format=%T")
        return states.split() == ["idle"] * self.nodes


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(what: str, happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise subprocess.SubprocessError(f"waited {seconds:.0f} s for {what}, in vain")
        time.sleep(0.1)


def _alive(pid_file: Path) -> int:
    """Return the process id in the file if that process is such a daemon still, else 0."""
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() == pid_file.name.split(".")[0]:
            return pid
    return 0


def _end(pid_file: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = _alive(pid_file)
        if pid:
            os.kill(pid, number)
            with suppress(subprocess.SubprocessError):
                _wait(f"the end of {pid_file.stem}", lambda: not _alive(pid_file), 10)


def guard(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that stops the cluster and removes ``folder`` once this one has ended."""
    words = [sys.executable, __file__, "guard", str(folder)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)


def main() -> None:
    """Read the command line, and start or stop a cluster."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["up", "down", "guard"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, choices=[1, 2], default=1)
    args = parser.parse_args()
    cluster = Cluster(args.folder.resolve(), args.nodes)
    if args.action == "up":
        if missing():
            sys.exit(missing())
        cluster.start()
        print(f'export SLURM_CONF="{cluster.conf}" PATH="{cluster.folder / "bin"}:$PATH"')
        return
    if args.action == "guard":
        sys.stdin.read()
    cluster.stop()
    if args.action == "guard":
        shutil.rmtree(cluster.folder)


if __name__ == "__main__":
    main()
