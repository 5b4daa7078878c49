"""The remedies of the code base, read from its source."""

import ast
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

FOLDERS = ("ner", "stages", "tools", "scripts", "bench", "corpus_generator")
PLAIN_TEXT = (
    "Makefile",
    "scripts/make_venv.sh",
    "scripts/fresh.sh",
    "scripts/make_baseline.sh",
    "tools/install_torch.py",
)
PLACE_METHODS = {"error"}  # `Place.error(problem, remedy)`


def find_remedies() -> dict[str, set[str]]:
    """Return what the remedies of each module say, `{}` for what is filled in."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            tree = _parse(path)
            constants = {**_imported_constants(tree), **_constants(tree)}
            for node in ast.walk(tree):
                for text in _remedies_of(node, constants):
                    found.setdefault(name, set()).add(text)
    return found


def _remedies_of(node: ast.AST, constants: dict[str, ast.expr]) -> list[str]:
    """Return the remedies that a node states: an argument `remedy`, a second one of `error`, a variable."""
    if isinstance(node, ast.Call):
        values = [word.value for word in node.keywords if word.arg == "remedy"]
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in PLACE_METHODS and len(node.args) == 2:
            values.append(node.args[1])
        if name == "SchemeError" and len(node.args) == 3:
            values.append(node.args[2])
        return [text for value in values for text in _texts(value, constants)]
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "remedy":
        return _texts(node.value, constants)
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").endswith("REMEDIES"):
        values = node.value.values if isinstance(node.value, ast.Dict) else []
        return [text for value in values for text in _texts(value, constants)]
    if isinstance(node, ast.FunctionDef) and any(
        word in node.name + (ast.get_docstring(node) or "")[:60] for word in ("emedy", "suggest_")
    ):
        returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
        values = [one.elts[-1] if isinstance(one, ast.Tuple) else one for one in returned]
        return [text for value in values for text in _texts(value, constants)]
    return []


def _texts(value: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    """Return the texts that an expression may have; none where it is a variable's."""
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(_part(part, constants) for part in value.values)]
        case ast.IfExp():
            return _texts(value.body, constants) + _texts(value.orelse, constants)
        case ast.Name(id=name) if name in constants:
            return _texts(constants[name], constants)
        case ast.Subscript(value=ast.Name(id=name)) if isinstance(constants.get(name), ast.Dict):
            return [text for one in constants[name].values for text in _texts(one, constants)]
        case ast.Call(func=ast.Attribute(value=inner, attr="rstrip")):
            return _texts(inner, constants)
        case ast.Call(func=ast.Name(id="suggest_key")):
            return ["{}The keys here are {}."]
        case ast.BinOp():
            return ["".join(_texts(value.left, constants) + _texts(value.right, constants))]
    return []


def _part(part: ast.expr, constants: dict[str, ast.expr]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    inner = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(inner, ast.Name) and isinstance(constants.get(inner.id), ast.Constant):
        return str(constants[inner.id].value)
    return "{}"


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _imported_constants(tree: ast.Module) -> dict[str, ast.expr]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            path = ROOT / (node.module.replace(".", "/") + ".py")
            if path.is_file() and node.module.split(".")[0] in FOLDERS:
                theirs = _constants(_parse(path))
                found |= {
                    one.asname or one.name: theirs[one.name] for one in node.names if one.name in theirs
                }
    return found
