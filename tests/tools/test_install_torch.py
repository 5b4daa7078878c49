"""Which build of PyTorch is installed: a real pip in a real environment, an index on this machine."""

import os
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.pipeline_clone import ROOT
from tools.install_torch import REQUIREMENTS, has_nvidia_driver, is_reachable, read_pin

PIN = read_pin(REQUIREMENTS)


def write_wheel(folder: Path, version: str) -> None:
    """Write a wheel of torch that holds its version alone."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch.py", f'__version__ = "{version}"\n')
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"torch.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def cpu_index(tmp_path_factory):
    """Serve an index as PyTorch's own: a folder a package, its files behind links."""
    folder = tmp_path_factory.mktemp("index")
    write_wheel(folder / "torch", f"{PIN}+cpu")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """Make a virtual environment."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def python(environment, tmp_path):
    """Give the environment's Python as a function; torch is not there."""
    (tmp_path / "wheels").mkdir()
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "TORCH": ""}

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess:
        command = [environment / "bin/python", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=os.environ | settings | env, capture_output=True, text=True, check=False
        )

    run("-m", "pip", "uninstall", "--quiet", "--yes", "torch")
    return run


def installed(python) -> str:
    """Give the version of torch that is in the environment, or nothing."""
    return python("-c", "import torch; print(torch.__version__)").stdout.strip()


@pytest.mark.skipif(
    sys.platform != "linux" or has_nvidia_driver(), reason="a machine that takes the package index's build"
)
def test_without_a_driver_the_cpu_build_is_installed_from_pytorchs_own_index(python, cpu_index):
    done = python("-m", "tools.install_torch", TORCH_CPU_INDEX=cpu_index)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"PyTorch {PIN}: the CPU build from {cpu_index} (TORCH=index takes the package index's)\n"
    )
    assert installed(python) == f"{PIN}+cpu"
    again = python("-m", "tools.install_torch", TORCH_CPU_INDEX="http://127.0.0.1:1")
    assert (again.returncode, again.stdout) == (0, ""), "what is there is left"


@pytest.mark.skipif(
    sys.platform != "linux" or has_nvidia_driver(), reason="a machine that takes the package index's build"
)
def test_where_that_index_cannot_be_reached_the_package_index_is_left_to_do_it(python):
    done = python("-m", "tools.install_torch", TORCH_CPU_INDEX="http://127.0.0.1:1")
    assert done.stdout == (
        f"PyTorch {PIN}: the package index's build, as http://127.0.0.1:1 cannot be reached\n"
    )
    assert (done.returncode, installed(python)) == (0, "")


def test_the_build_can_be_chosen_by_hand(python, cpu_index, tmp_path):
    """Also in an environment that has the other one."""
    write_wheel(tmp_path / "wheels", f"{PIN}+cu999")
    python("-m", "pip", "install", "--no-index", "--find-links", str(tmp_path / "wheels"), "torch")
    assert installed(python) == f"{PIN}+cu999"
    python("-m", "tools.install_torch", TORCH_CPU_INDEX=cpu_index, TORCH="cpu")
    assert installed(python) == f"{PIN}+cpu"
    done = python("-m", "tools.install_torch", TORCH_CPU_INDEX=cpu_index, TORCH="index")
    assert done.stdout == f"PyTorch {PIN}: the package index's build, as TORCH=index asks for\n"
    assert installed(python) == "", "pip's next line installs it"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        pytest.param(
            {"TORCH": "gpu"}, "error: TORCH is 'gpu'. Remedy: set it to one of cpu, cuda, index", id="name"
        ),
        pytest.param(
            {"TORCH": "cpu", "TORCH_CPU_INDEX": "http://127.0.0.1:1"},
            "error: http://127.0.0.1:1 cannot be reached. Remedy: make again with TORCH=index",
            id="unreachable",
        ),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(python, env, message):
    done = python("-m", "tools.install_torch", **env)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_page_is_asked_for_within_a_limit(cpu_index):
    assert is_reachable(f"{cpu_index}/torch/")
    assert not is_reachable(f"{cpu_index}/absent/")
    assert not is_reachable("http://127.0.0.1:1/torch/")
