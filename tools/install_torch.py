"""Install PyTorch's CPU build where no GPU can use the other; `make` runs this before it installs the rest.

The package index has the CUDA build for Linux, which brings gigabytes of NVIDIA's libraries. PyTorch's own
index has a build without them. This module runs before anything is installed: the standard library alone.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DRIVER_FILES = ("/proc/driver/nvidia/version", "/sys/module/nvidia/version")
TIMEOUT_SECONDS = 5
CHOICES = ("cpu", "cuda", "index")


def main() -> None:
    """Install the CPU build if it is wanted and can be had, and say in a line which build it is."""
    wanted = os.environ.get("TORCH", "")
    index = os.environ.get("TORCH_CPU_INDEX") or CPU_INDEX
    if wanted not in ("", *CHOICES):
        sys.exit(
            f"error: TORCH is {wanted!r}. Remedy: set it to one of {', '.join(CHOICES)}, or leave it out."
        )
    if sys.prefix == sys.base_prefix:
        sys.exit(f"error: {sys.executable} is in no virtual environment. Remedy: make run")
    pinned = read_pin(REQUIREMENTS)
    installed = find_installed()
    is_cpu_build = installed == f"{pinned}+cpu"
    if (installed or "").partition("+")[0] == pinned and (not wanted or (wanted == "cpu" and is_cpu_build)):
        return  # as it is: pip would take it too
    if wanted in ("cuda", "index"):
        if is_cpu_build:
            run_pip("uninstall", "--yes", "torch")
        say(pinned, f"the package index's build, as TORCH={wanted} asks for")
    elif not wanted and platform.system() != "Linux":
        say(pinned, "the package index's build, which is the one for this system")
    elif not wanted and has_nvidia_driver():
        say(
            pinned,
            "the package index's build, for the NVIDIA driver that is here (TORCH=cpu takes the other)",
        )
    elif not is_reachable(f"{index}/torch/"):
        if wanted:
            sys.exit(f"error: {index} cannot be reached. Remedy: make again with TORCH=index, or later.")
        say(pinned, f"the package index's build, as {index} cannot be reached")
    else:
        say(pinned, f"the CPU build from {index} (TORCH=index takes the package index's)")
        run_pip("install", "--no-deps", "--force-reinstall", "--index-url", index, f"torch=={pinned}")


def read_pin(requirements: Path) -> str:
    """Return the version of torch that requirements.txt pins."""
    (pin,) = re.findall(r"^torch==(\S+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    return str(pin)


def find_installed() -> str | None:
    """Return the version of torch in this environment, None if there is none."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def has_nvidia_driver() -> bool:
    """Return whether the kernel has NVIDIA's driver; in WSL only its program tells."""
    return any(Path(name).exists() for name in DRIVER_FILES) or shutil.which("nvidia-smi") is not None


def is_reachable(url: str) -> bool:
    """Return whether a page can be had within a few seconds, name lookup included."""
    answers = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as page:  # noqa: S310 - ours or the user's
                answers.append(page.status)
        except OSError:
            return

    thread = threading.Thread(target=fetch, daemon=True)  # a lookup of a name knows no time limit
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    return bool(answers)


def run_pip(*arguments: str) -> None:
    """Run this environment's pip; end with its status where it fails."""
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=False)  # noqa: S603 - ours
    if done.returncode:
        sys.exit(f"error: pip could not {arguments[0]} torch. Remedy: make again with TORCH=index.")


def say(pinned: str, what: str) -> None:
    """Write the one line that tells the build."""
    sys.stdout.write(f"PyTorch {pinned}: {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
