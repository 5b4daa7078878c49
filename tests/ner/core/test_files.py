"""Files that appear whole or not at all."""

import pytest

from ner.core.files import read_json, whole_file, write_json, write_text


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    with whole_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent, "a rename is atomic within one file system alone"
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, failure):
    path = tmp_path / "file"
    path.write_text("old")

    def fail_half_way():
        with whole_file(path) as temporary:
            temporary.write_text("new")
            raise failure

    with pytest.raises(failure):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_a_bug(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "file"):
        pass


def test_text_is_utf8_with_the_same_line_ends_everywhere(tmp_path):
    write_text(tmp_path / "file", "Köln\nBonn\n")
    assert (tmp_path / "file").read_bytes() == "Köln\nBonn\n".encode()


def test_json_is_sorted_readable_and_ends_in_a_newline(tmp_path):
    """Then a diff shows what changed, and nothing else."""
    path = tmp_path / "file.json"
    write_json(path, {"b": 0.5, "a": {"ü": [1, None]}})
    assert path.read_text(encoding="utf-8") == (
        '{\n  "a": {\n    "ü": [\n      1,\n      null\n    ]\n  },\n  "b": 0.5\n}\n'
    )
    assert read_json(path) == {"b": 0.5, "a": {"ü": [1, None]}}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_is_not_written(tmp_path, number):
    path = tmp_path / "file.json"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"f1": number})
    assert list(tmp_path.iterdir()) == []
