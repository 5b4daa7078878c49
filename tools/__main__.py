"""The command `ner`: each subcommand is a module of its own that is imported when it is called."""

import os
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# Module of each subcommand, which holds its `app`, and the line that `ner --help` shows without importing it.
SUBCOMMANDS = {
    "predict": ("tools.predict.command", "Find entities in texts or files."),
    "redact": ("tools.redact.command", "Replace the names in texts by placeholders."),
    "doubtful": ("tools.doubtful.command", "Find the sentences to annotate next."),
    "serve": ("tools.serve.command", "Serve the tagger as a page and an HTTP API."),
    "export": ("tools.export", "Export the tagger for the Hub or to ONNX."),
    "headline": ("tools.checks.headline", "Print the scores of the last run."),
    "compare": ("tools.experiments.compare", "Compare two results, or two groups of runs."),
    "seeds": ("tools.experiments.seeds", "Run the same parameters with several seeds."),
    "learning-curve": ("tools.experiments.learning_curve", "Show what more annotated sentences would gain."),
    "cross-validate": ("tools.experiments.cross_validate", "Score a small corpus in folds."),
    "search": ("tools.experiments.search", "Search for better parameters."),
    "check": ("tools.checks.check", "Check that the committed results belong to this code."),
    "check-cache": ("tools.checks.check_cache", "Find damaged files in DVC's cache or a remote."),
    "make-sample": ("corpus_generator.make_sample", "Write an invented German corpus."),
}
PACKAGES = ("ner", "tools", "corpus_generator")


class LazyGroup(TyperGroup):
    """A group that imports a subcommand when it is called, and none to show the help."""

    is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own
        """Return the names in the order of the help."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - typer's own
        """Return the subcommand, or None if there is none of that name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        module, summary = SUBCOMMANDS[cmd_name]
        if self.is_listing:
            return TyperCommand(cmd_name, help=summary)
        command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        return command

    def format_help(self, *arguments: Any) -> None:  # noqa: ANN401 - typer's own
        """Write the help from the table above."""
        self.is_listing = True
        super().format_help(*arguments)

    def shell_complete(self, *arguments: Any) -> Any:  # noqa: ANN401 - typer's own
        """Complete the names of subcommands from the table above."""
        self.is_listing = True
        return super().shell_complete(*arguments)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def describe() -> None:
    """Tag, evaluate and compare named-entity taggers that `dvc repro` trains."""


def main() -> None:
    """Run the command with the modules of the project copy in the current folder, if it is one.

    DVC runs queued experiments in a copy of the project. The copy's code must run there, not the code that
    is installed in the virtual environment.
    """
    copy = Path.cwd()
    is_copy = (copy / "dvc.yaml").is_file() and (copy / "tools" / "__main__.py").is_file()
    if is_copy and copy.resolve() != Path(__file__).resolve().parents[1]:
        sys.path.insert(0, str(copy))
        for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
            del sys.modules[name]
        import_module("tools.__main__").run()
    else:
        run()


def run() -> None:
    """Run the command, with the programs of its own virtual environment, and end as every command does.

    Called by its path, as `.venv/bin/ner`, it would find no dvc, and a queued run another Python.
    """
    os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    from ner.core.command import run_command  # not before the copy is chosen

    run_command(lambda: app(prog_name="ner"))


if __name__ == "__main__":
    run()
