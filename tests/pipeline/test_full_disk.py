"""A full disk, a folder that may not be written, a killed process: one line, and nothing half done."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ner.core import files
from ner.core.command import explain_system_error, run_command
from ner.core.errors import PipelineError
from ner.core.files import whole_file, whole_folder
from stages import download, report, tokenize_align
from tests.support.pipeline_clone import ROOT
from tests.support.synthetic_run import PLAIN, render_report
from tests.support.tiny_encoder import build_tiny_encoder

WORDS = ["Haus", "Köln"] * 3


def error_of(number, **names):
    error = OSError(number, os.strerror(number))
    for name, value in names.items():
        setattr(error, name, value)
    return error


def chain(first, second, *, is_cause):
    """Give `second` as Python would raise it after `first`."""
    try:
        try:
            raise first
        except Exception as error:
            if is_cause:
                raise second from error
            raise second  # noqa: B904 - that is the case
    except Exception as error:  # noqa: BLE001
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(error_of(errno.ENOSPC, filename="a"), "a: No space left", id="disk"),
        pytest.param(error_of(errno.EDQUOT), "Disk quota exceeded. Remedy: make room", id="quota"),
        pytest.param(error_of(errno.EFBIG), "File too large", id="limit"),
        pytest.param(error_of(errno.EROFS, filename="a"), "a: Read-only file system", id="read-only"),
        pytest.param(error_of(errno.EACCES, filename="a"), "a: Permission denied", id="rights"),
        pytest.param(error_of(errno.ENOENT, filename="data/raw"), "data/raw: No such file", id="absent"),
        pytest.param(error_of(errno.ENOSPC, filename="from", filename2="to"), "to: No space", id="copying"),
        pytest.param(error_of(errno.EIO), "Input/output error", id="broken-disk"),
        pytest.param(
            Exception("I/O error: No space left on device (os error 28)"), "No space left", id="safetensors"
        ),
        pytest.param(shutil.Error([("a", "b", "[Errno 28] No space")]), "No space left", id="copytree"),
        pytest.param(
            chain(error_of(errno.EACCES), ValueError(), is_cause=True), "Permission denied", id="wrapped"
        ),
        pytest.param(
            chain(error_of(errno.ENOSPC), RuntimeError("unexpected pos"), is_cause=False),
            "No space left",
            id="torch-while-closing-the-file",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line(error, expected):
    message = str(explain_system_error(error))
    assert expected in message
    assert "Remedy: " in message


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(KeyError("a"), id="key"),
        pytest.param(error_of(errno.ECHILD), id="another-error-of-the-system"),
        pytest.param(chain(error_of(errno.ENOENT), KeyError("a"), is_cause=False), id="after-a-missing-file"),
    ],
)
def test_a_bug_keeps_its_traceback(error):
    assert explain_system_error(error) is None


def test_a_full_disk_names_the_file_and_leaves_no_part_of_it(tmp_path):
    def fill(path):
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error_of(errno.ENOSPC)

    with pytest.raises(OSError, match="No space") as caught:
        fill(tmp_path / "new/file")
    assert caught.value.filename == str(tmp_path / "new/file")
    assert not list((tmp_path / "new").iterdir())


def test_a_folder_appears_whole_or_stays_as_it_was(tmp_path):
    target = tmp_path / "raw"
    for text in ("old", "new"):
        with whole_folder(target) as folder:
            assert not list(folder.iterdir())
            (folder / text).write_text(text)
        assert [path.name for path in target.iterdir()] == [text]

    def fail():
        with whole_folder(target) as folder:
            (folder / "half").write_text("half")
            raise error_of(errno.ENOSPC)

    with pytest.raises(OSError, match="No space"):
        fail()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_is_removed_by_the_next_run_alone(tmp_path):
    code = """
import os, sys
from pathlib import Path
from ner.core.files import whole_file, whole_folder
with whole_folder(Path(sys.argv[1]) / "raw") as folder, whole_file(folder.parent / "a.json") as file:
    file.write_text("half")
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".*.part"))) == 2
    of_a_living_one = tmp_path / f".raw.{os.getppid()}.part"
    of_a_living_one.mkdir()
    with whole_folder(tmp_path / "raw") as folder:
        (folder / "x").touch()
    files.write_json(tmp_path / "a.json", {})
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "a.json", of_a_living_one.name}


def small_disk(folder, kilobytes):
    """Mount a small disk, or skip."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    return folder


@pytest.fixture
def disk(tmp_path):
    """Give a disk of 48 KB, smaller than what a stage writes."""
    folder = small_disk(tmp_path / "disk", 48)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def make_corpus(folder, n_sentences):
    """Write a corpus of which each split takes more room than the disk has."""
    folder.mkdir()
    lines = "".join(f"1\twort{number * 7919}\tB-LOC\tO\n\n" for number in range(n_sentences))
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        (folder / name).write_text(lines)


def params_with(folder, **values):
    """Write the default parameters with other values of some keys."""
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    for key, value in values.items():
        lines = [f"  {key}: {value}" if line.startswith(f"  {key}: ") else line for line in lines]
    (folder / "params.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def one_line(command, capsys):
    """Run a command in vain and return what it printed."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        run_command(command)
    assert end.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("stage", ["corpus", "checkpoint", "tokenize", "report"])
def test_a_stage_on_a_really_full_disk_ends_in_one_line_and_runs_once_there_is_room(
    tmp_path, monkeypatch, capsys, disk, stage
):
    """pyarrow, safetensors, shutil and matplotlib each say it in their own way."""
    monkeypatch.chdir(tmp_path)
    encoder = build_tiny_encoder(tmp_path / "encoder", WORDS)
    make_corpus(tmp_path / "corpus", 3_000)
    params_with(tmp_path, source="corpus", checkpoint=encoder, max_length=128)
    out = disk / "out"
    if stage == "corpus":
        command = lambda: download.download_corpus(out, tmp_path / "facts.json", tmp_path / "f.csv")  # noqa: E731
    elif stage == "checkpoint":
        command = lambda: download.download_checkpoint(out, tmp_path / "origin.json")  # noqa: E731
    elif stage == "tokenize":
        download.download_corpus(tmp_path / "raw", tmp_path / "facts.json", tmp_path / "f.csv")
        command = lambda: tokenize_align.tokenize_align(tmp_path / "raw", encoder, out, tmp_path / "c.json")  # noqa: E731
    else:
        render_report(tmp_path, monkeypatch, PLAIN)
        inputs = [tmp_path / name for name in ("metrics", "predictions.parquet", "models/ner")]
        command = lambda: report.report(*inputs, ROOT / "ner/reporting/templates", out)  # noqa: E731
    line = one_line(command, capsys)
    assert f"{out}" in line
    assert "No space left on device. Remedy: make room" in line
    assert not list(disk.iterdir())
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    run_command(command)
    assert list(out.iterdir())


def test_a_tagger_that_finds_no_room_ends_in_one_line(tmp_path, capsys, disk):
    """The library safetensors has an exception of its own, with the system's words in it."""
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(build_tiny_encoder(tmp_path / "encoder", WORDS))

    def save():
        with whole_folder(disk / "ner") as folder:
            encoder.save_pretrained(folder)

    assert "No space left on device. Remedy: make room" in one_line(save, capsys)
    assert not list(disk.iterdir())


def test_a_limit_on_the_size_of_files_ends_in_one_line(tmp_path, monkeypatch, capsys):
    """What anyone can try without a disk of their own."""
    monkeypatch.chdir(tmp_path)
    make_corpus(tmp_path / "corpus", 3_000)
    params_with(tmp_path, source="corpus")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        line = one_line(
            lambda: download.download_corpus(Path("data/raw"), Path("facts.json"), Path("f.csv")), capsys
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert "data/raw: File too large. Remedy: make room" in line
    assert not list(Path("data").iterdir())


def test_a_read_only_folder_ends_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_corpus(tmp_path / "corpus", 3)
    params_with(tmp_path, source="corpus")
    disk = small_disk(tmp_path / "disk", 1_000)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        line = one_line(
            lambda: download.download_corpus(disk / "raw", Path("facts.json"), Path("f.csv")), capsys
        )
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert f"{disk / 'raw'}: Read-only file system. Remedy: change who may" in line


def test_metrics_with_merge_markers_are_one_line_that_names_the_file(tmp_path):
    path = tmp_path / "data.json"
    path.write_text('{\n  "a": 1,\n<<<<<<< HEAD\n', encoding="utf-8")
    with pytest.raises(PipelineError, match=r"data\.json:3: not valid JSON: .* Remedy: make it again"):
        files.read_json(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(PipelineError, match="byte 8 is not UTF-8"):
        files.read_json(path)
