"""README, docs/ and CONTRIBUTING against the project: links, commands, parameters, paths, figures."""

import ast
import json
import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from dvc.cli.parser import get_main_parser

from ner.core.params import flatten, read_yaml
from tests.support.pipeline_clone import ROOT
from tools.__main__ import SUBCOMMANDS

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "data/README.md"])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# Programs that are ours, and those that a reader has; anything else in a console block is a slip.
OTHERS = {"cp", "curl", "git", "ls", "pip", "pipx", "pre-commit", "rm", "source", "cat"}
LARGEST_PICTURE = 200_000  # bytes
PARAMS = flatten(read_yaml(ROOT / "params.yaml"))
PARAM = re.compile(rf"({'|'.join({name.split('.')[0] for name in PARAMS if '.' in name})})\.[a-z_]+")
FILE_ENDS = {"conll", "tsv", "parquet", "json", "md"}  # train.conll is no parameter
CODE_PATH = re.compile(
    r"(ner|stages|tools|bench|tests|docs|profiles|scripts|corpus_generator|\.github)/[\w./-]*"
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def list_anchors(page: Path) -> set[str]:
    """List the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(page)), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def list_commands(page: Path) -> list[list[str]]:
    """List the commands in console blocks and inline code, as words, without comments and variables."""
    text = read(page)
    lines = [
        line[2:]
        for kind, block in FENCE.findall(text)
        if kind == "console"
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    ours = r"(ner|make|dvc|python -m) "
    lines += [code for code in INLINE.findall(FENCE.sub("", text)) if re.match(ours, code)]
    commands = []
    for line in lines:
        words = shlex.split(line, comments=True)
        command: list[str] = []
        for word in [*words, "&&"]:
            if word in ("&&", "|"):
                commands.append(command)
                command = []
            elif command or not re.fullmatch(r"[A-Z_]+=.*", word):
                command.append(word)
    return [command for command in commands if command]


def parse(app: typer.Typer, words: list[str]) -> None:
    """Let typer check options and values, without running anything."""
    typer.main.get_command(app).make_context("ner", list(words))


def check_ner(words: list[str]) -> None:
    assert words[0] in SUBCOMMANDS, words
    if words[1:]:
        parse(import_module(SUBCOMMANDS[words[0]][0]).app, words[1:])


def check_make(words: list[str]) -> None:
    makefile = read(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    options = set(re.findall(r"^OPTIONS := (.+)$", makefile, re.MULTILINE)[0].split())
    for word in words:
        name, is_variable, _ = word.partition("=")
        assert name in (options if is_variable else targets), word


def check_dvc(words: list[str]) -> None:
    get_main_parser().parse_args(words)
    if words[0] == "repro":
        stages = [word for word in words[1:] if not word.startswith("-")]
        assert set(stages) <= set(read_yaml(ROOT / "dvc.yaml")["stages"])


def check_python(words: list[str]) -> None:
    assert words[0] == "-m", words
    if words[1] == "pytest":
        assert all((ROOT / word).exists() for word in words[2:])
        return
    assert find_spec(words[1]), words
    if words[2:]:
        parse(import_module(words[1]).app, words[2:])


def check_pip(words: list[str]) -> None:
    assert (ROOT / words[words.index("-r") + 1]).is_file(), words


CHECKS = {"ner": check_ner, "make": check_make, "dvc": check_dvc, "python": check_python, "pip": check_pip}


@each_page
def test_every_link_and_anchor_resolves(page):
    for target in LINK.findall(INLINE.sub("", FENCE.sub("", read(page)))):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.is_file(), target
        assert linked.is_relative_to(ROOT), target
        assert not anchor or anchor in list_anchors(linked), target


@each_page
def test_every_command_names_what_exists(page):
    """Subcommands, targets, options and the values of options; parameters behind `-S`."""
    for command in list_commands(page):
        program, words = command[0], command[1:]
        assert program in CHECKS or program in OTHERS, command
        if program in CHECKS and words:
            try:
                CHECKS[program](words)
            except (SystemExit, Exception) as error:
                raise AssertionError(f"{' '.join(command)}: {error!r}") from error
        changed = [word.partition("=")[0] for flag, word in pairwise(words) if flag == "-S"]
        assert set(changed) <= PARAMS.keys(), command


@each_page
def test_every_parameter_and_path_of_the_code_exists(page):
    if page.name == "CHANGELOG.md":
        return  # it may speak of what is gone
    for code in INLINE.findall(FENCE.sub("", read(page))):
        if PARAM.fullmatch(code) and code.rpartition(".")[2] not in FILE_ENDS:
            assert code in PARAMS, code
        if CODE_PATH.fullmatch(code):
            assert (ROOT / code).exists(), code


@each_page
def test_every_python_block_compiles(page):
    for kind, block in FENCE.findall(read(page)):
        if kind == "python":
            ast.parse(block)


def test_a_wrong_command_option_or_value_is_found():
    """The checks above can fail."""
    for check, words in [
        (check_ner, ["predictt"]),
        (check_ner, ["predict", "--formt", "text"]),
        (check_ner, ["predict", "--format", "csvv"]),
        (check_make, ["runn"]),
        (check_make, ["run", "TORCHES=cpu"]),
        (check_dvc, ["exp", "run", "--quue"]),
        (check_dvc, ["repro", "fine_tuned"]),
        (check_python, ["-m", "bench.benchmarks"]),
    ]:
        with pytest.raises((SystemExit, Exception)):
            check(words)


def test_the_readme_is_short_and_so_is_every_page():
    assert len(read(ROOT / "README.md").splitlines()) <= 160
    lengths = {page.name: len(read(page).splitlines()) for page in ROOT.glob("docs/*.md")}
    assert {name: length for name, length in lengths.items() if length >= 150} == {}


def test_the_readme_leads_to_every_page_and_shows_every_picture():
    pictures = {f"docs/{picture.name}" for picture in ROOT.glob("docs/*.png")}
    assert {"docs/report.png", "docs/serve.png"} <= pictures
    targets = {target.partition("#")[0] for target in LINK.findall(read(ROOT / "README.md"))}
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} | pictures <= targets


def test_every_picture_is_a_small_png():
    for picture in ROOT.glob("docs/*.png"):
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < LARGEST_PICTURE, picture.name


def test_the_readme_gives_the_committed_result():
    test = json.loads(read(ROOT / "metrics/evaluate.json"))["test"]
    figures = f"**{test['f1']:.4f}** ({test['f1_low']:.4f} to {test['f1_high']:.4f})"
    assert figures in read(ROOT / "README.md"), f"write the new result there: {figures}"


def test_changelog_citation_and_package_have_one_version():
    citation = yaml.safe_load(read(ROOT / "CITATION.cff"))
    unreleased, newest = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)[:2]
    assert unreleased == "Unreleased"
    assert newest == f"{citation['version']} - {citation['date-released']}"
    assert f'version = "{citation["version"]}"' in read(ROOT / "pyproject.toml")


def test_pre_commit_runs_what_make_lint_runs():
    hooks = yaml.safe_load(read(ROOT / ".pre-commit-config.yaml"))["repos"][0]["hooks"]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", read(ROOT / "Makefile"), re.MULTILINE)
    commands = [line.strip().removeprefix("$(BIN)/") for line in recipe[1].splitlines()]
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in hooks] == commands


def test_dependabot_watches_the_pins_and_the_actions():
    updates = yaml.safe_load(read(ROOT / ".github/dependabot.yml"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
