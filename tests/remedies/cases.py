"""What a case of a remedy is: a command that is refused, what the remedy says, and the command again."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ner.core.errors import PipelineError


@dataclass(frozen=True)
class Case:
    """A remedy, followed.

    Args:
        module: Where it stands.
        remedy: As `find_remedies` gives it.
        command: What is refused, and passes once the remedy is followed; it works in the folder that it gets.
        mend: Does what the remedy says, in that folder.
        prepare: Makes what is wrong.
    """

    module: str
    remedy: str
    command: Callable[[Path], object]
    mend: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda _: None

    @property
    def id(self) -> str:
        """A name for pytest."""
        return f"{Path(self.module).stem}-{'-'.join(re.findall('[a-z]+', self.remedy.lower())[:6])}"

    def follow(self, folder: Path) -> None:
        """Be refused, follow the remedy, and pass."""
        self.prepare(folder)
        with pytest.raises(PipelineError) as refusal:
            self.command(folder)
        remedy = refusal.value.remedy
        shape = re.escape(self.remedy).replace(r"\{\}", ".*")
        assert re.fullmatch(shape, remedy), f"{remedy!r} is not {self.remedy!r}"
        self.mend(folder)
        self.command(folder)


def params(cases: list[Case]) -> list:
    """Return cases as pytest takes them."""
    return [pytest.param(case, id=case.id) for case in cases]


def value(
    module: str,
    remedy: str,
    function: Callable[[Any], object],
    wrong: object,
    right: object,
    prepare: Callable[[Path], object] = lambda _: None,
) -> Case:
    """Return the case of a value that is set anew."""
    now = [wrong]
    return Case(module, remedy, lambda _: function(now[0]), lambda _: now.__setitem__(0, right), prepare)


Files = dict[str, str | bytes | None]


def write(files: Files) -> Callable[[Path], None]:
    """Return a function that writes files; None removes one."""

    def write_into(folder: Path) -> None:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write_into
