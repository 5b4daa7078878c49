"""Ray nodes on this machine, each with its own processes, as a cluster of several machines has them."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

START_SECONDS = 120
STARTS = 3  # on a machine that has other work, half a minute may be too short
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # of the cluster: as Ray advises


def find_port():
    """Give a port that is free."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def find_workers(root):
    """List the processes under `root` that tag a part now: Ray names them by what they do."""
    return [one for one in _descend(root) if "PartTagger.tag" in _name(one)]


def kill(process):
    """Kill a process without warning, and tell whether it was there."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _descend(root):
    try:
        return psutil.Process(root).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _name(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Node:
    """One machine of a cluster: `ray start --block` and what it starts.

    Args:
        options: Of `ray start`.
        folder: For its messages.
    """

    def __init__(self, folder, name, *options):
        self.log = folder / f"{name}.log"
        self.command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
        for _ in range(STARTS):
            self.start()
            if self.wait_until_started():
                return
            self.kill()
        raise TimeoutError(self.log.read_text(encoding="utf-8"))

    def start(self):
        """Start it."""
        environment = {**os.environ, **TOKEN, "RAY_BACKEND_LOG_LEVEL": "warning", "OMP_NUM_THREADS": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    @property
    def pid(self):
        """The process of `ray start`."""
        return self.process.pid

    def wait_until_started(self):
        """Wait until it is part of the cluster, and tell whether it is: Ray itself waits half a minute."""
        deadline = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in self.log.read_text(encoding="utf-8"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                return False
            time.sleep(0.2)
        return True

    def kill(self):
        """Kill all processes of the machine, as a power cut would."""
        for process in [*_descend(self.pid), self.process]:
            kill(process)
        self.process.wait()


@contextmanager
def start_cluster():
    """Start a head and two more nodes of a CPU each; the head has none to tag with.

    Yields:
        Its address, and the three nodes, the head first.
    """
    folder = Path(tempfile.mkdtemp(prefix="ner-ray-"))  # short: a socket's path has at most 107 bytes
    port = find_port()
    address = f"127.0.0.1:{port}"
    common = ("--disable-usage-stats", "--object-store-memory", str(200 * 2**20))
    nodes = []
    try:
        head = (
            "--head",
            "--num-cpus",
            "0",
            "--port",
            str(port),
            "--include-dashboard",
            "false",
            "--temp-dir",
            str(folder / "t"),
        )
        nodes.append(Node(folder, "head", *common, *head))
        for number in range(2):
            agent = ("--dashboard-agent-listen-port", str(find_port()))
            nodes.append(
                Node(folder, f"node-{number}", *common, "--num-cpus", "1", "--address", address, *agent)
            )
        yield address, nodes
    finally:
        for node in nodes:
            if node.process.poll() is None:
                node.kill()
        shutil.rmtree(folder, ignore_errors=True)
