"""The tagger in another form."""

import pytest
from typer.testing import CliRunner

from ner.core.command import explain_system_error
from ner.core.errors import PipelineError
from tools import export


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Give a folder with a tagger and its card, as a run leaves them, and stand in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("config.json", "model.safetensors", "run_config.json"):
        (tmp_path / "models/ner").mkdir(parents=True, exist_ok=True)
        (tmp_path / "models/ner" / name).write_text(name, encoding="utf-8")
    (tmp_path / "metrics/report").mkdir(parents=True)
    (tmp_path / "metrics/report/MODEL_CARD.md").write_text("---\nlanguage: de\n---\n", encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("run_folder")
def test_model_and_card_come_together_and_a_second_export_replaces_the_first(run_folder):
    for extra in ("", "stale.txt"):
        if extra:
            (run_folder / "models/hub" / extra).touch()
        result = CliRunner().invoke(export.app, ["--to", "hub-folder"])
        assert result.exit_code == 0, result.output
        names = {path.name for path in (run_folder / "models/hub").iterdir()}
        assert names == {"config.json", "model.safetensors", "run_config.json", "README.md"}
    assert {path.name for path in (run_folder / "models").iterdir()} == {"ner", "hub"}


@pytest.mark.parametrize("missing", ["models/ner/config.json", "metrics/report/MODEL_CARD.md"])
def test_what_is_missing_is_named_and_nothing_is_written(run_folder, missing):
    (run_folder / missing).unlink()
    with pytest.raises(PipelineError, match=rf"{missing}: no such file.* Remedy: make it with dvc repro"):
        export.write_hub_folder(export.TAGGER_DIR, export.CARD, run_folder / "models/hub")
    assert not (run_folder / "models/hub").exists()


@pytest.mark.parametrize("name", ["letters", "models/ner", "models/ner/hub"])
def test_a_folder_of_something_else_is_left_alone(run_folder, name):
    """The tagger itself among them: it is an output of DVC's."""
    (run_folder / "letters").mkdir()
    with pytest.raises(PipelineError, match=rf"{name} is there already .* Remedy: "):
        export.write_hub_folder(export.TAGGER_DIR, export.CARD, run_folder / name)
    assert (run_folder / "models/ner/config.json").is_file()


@pytest.mark.parametrize("form", ["hub-folder", "onnx"])
def test_an_export_onto_a_link_is_one_line(run_folder, form):
    """The folder that takes its place could not be put there."""
    (run_folder / "elsewhere").mkdir()
    (run_folder / "models/out").symlink_to(run_folder / "elsewhere")
    result = CliRunner().invoke(export.app, ["--to", form, "--output", "models/out"])
    assert "models/out is a link, to " in str(result.exception)
    assert "Remedy: name the folder itself" in str(result.exception)
    assert not list((run_folder / "elsewhere").iterdir())


def test_what_lies_beside_the_tagger_is_not_exported(run_folder):
    """The folder is uploaded: neither notes nor a link to a file elsewhere belong into it."""
    (run_folder / "models/ner/.netrc").write_text("password", encoding="utf-8")
    export.write_hub_folder(export.TAGGER_DIR, export.CARD, run_folder / "models/hub")
    assert not (run_folder / "models/hub/.netrc").exists()
    (run_folder / "secret").write_text("key", encoding="utf-8")
    (run_folder / "models/ner/notes.model").symlink_to(run_folder / "secret")
    with pytest.raises(PipelineError, match=r"notes\.model: it is a link that leaves its folder"):
        export.write_hub_folder(export.TAGGER_DIR, export.CARD, run_folder / "models/hub")


def test_a_folder_that_cannot_be_made_is_one_line(run_folder):
    (run_folder / "file").touch()
    with pytest.raises(OSError, match="file") as raised:
        export.write_hub_folder(export.TAGGER_DIR, export.CARD, run_folder / "file/hub")
    assert "file stands where a folder should" in str(explain_system_error(raised.value))
