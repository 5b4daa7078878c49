"""`run_config.json`, which lies beside a tagger: the settings of its training."""

from pathlib import Path
from typing import Any

from ner.core.errors import PipelineError
from ner.core.files import read_json
from ner.core.params import Params, check_params
from ner.windows.splits import TokenizeParams, check_lengths
from ner.windows.tokenizer import WordTokenizer

RUN_CONFIG = "run_config.json"


class WindowSettings(Params):
    """The part that tagging needs."""

    tokenize: TokenizeParams


def read_run_config(tagger_dir: Path) -> dict[str, Any]:
    """Read the settings of a tagger's training, by section.

    Raises:
        PipelineError: If the file was damaged or edited by hand so that it holds no sections.
    """
    path = tagger_dir / RUN_CONFIG
    content = read_json(path)
    if not isinstance(content, dict):
        raise PipelineError(
            f"{path}: it holds no sections, as training writes them.",
            remedy="restore the tagger: dvc checkout models/ner; or train it: dvc repro -f -s fine_tune.",
        )
    return content


def read_window_settings(tagger_dir: Path, tokenizer: WordTokenizer) -> TokenizeParams:
    """Read how a tagger's sentences were cut into windows.

    Raises:
        PipelineError: If a value is none that training could have written.
    """
    path = tagger_dir / RUN_CONFIG
    content = read_run_config(tagger_dir)
    known = {name: content[name] for name in WindowSettings.model_fields if name in content}
    params = check_params(known, WindowSettings, path).tokenize
    check_lengths(params, tokenizer, path)
    return params
