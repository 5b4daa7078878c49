"""Which project files a stage imports, for the test that compares `deps` with it."""

import ast
from pathlib import Path


def imported_files(path: Path, root: Path) -> set[str]:
    """Follow the imports of `stages...` from one file, itself included, as paths relative to `root`."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(root).as_posix()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                candidate = root / (module.replace(".", "/") + ".py")
                if module.split(".")[0] == "stages" and candidate.is_file():
                    waiting.append(candidate)
    return found
