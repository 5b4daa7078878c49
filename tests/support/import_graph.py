"""Which project files a stage executes, for the test that compares `deps` with them."""

import ast
from collections.abc import Iterator
from pathlib import Path

OURS = ("stages", "ner", "tools", "bench", "corpus_generator")


def imported_files(path: Path, root: Path) -> set[str]:
    """Follow the imports of our own modules from one file, itself included, as paths relative to `root`.

    The `__init__.py` of every package on the way is executed too.
    What stands under `if TYPE_CHECKING` is not.
    """
    found: set[str] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(root).as_posix()
        if name in found:
            continue
        found.add(name)
        for node in walk_executed(ast.parse(file.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                if module.split(".")[0] in OURS:
                    waiting += list_executed(module, root)
    return found


def walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree's nodes without those that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        is_typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not is_typing:
            yield from walk_executed(child)


def list_executed(module: str, root: Path) -> list[Path]:
    """List the files that importing a dotted name executes."""
    parts = module.split(".")
    packages = [root.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    return [file for file in [*packages, root.joinpath(*parts).with_suffix(".py")] if file.is_file()]
