"""One sentence through a foreign checkpoint, before a later stage spends an hour on it."""

import logging
from pathlib import Path

from tokenizers import Tokenizer

from ner.core.checkpoint_files import KEPT_HEAD
from ner.core.errors import PipelineError
from ner.sources.kept_head import refuse_head

SENTENCE = ["Die", "Universität", "Jena", "liegt", "in", "Thüringen", "."]
REMEDY = "choose another model.checkpoint: an encoder such as BERT, RoBERTa or XLM-R."


def try_checkpoint(folder: Path, place: str) -> None:
    """Load a checkpoint as training does, and compute one sentence with it.

    Args:
        folder: The checkpoint, whole.
        place: Its name for a message.

    Raises:
        PipelineError: If transformers cannot load it or compute with it, the result is no number, its
            tokenizer gives subtokens that it has no embedding for, or it lacks the head that is to be kept.
    """
    from transformers import AutoModelForTokenClassification, BatchEncoding  # seconds; and torch with it
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        input_ids = tokenizer.encode(SENTENCE, is_pretokenized=True).ids
        model, found = AutoModelForTokenClassification.from_pretrained(
            folder,
            dtype="float32",
            use_safetensors=True,  # a pickle can run code when it is read
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # the head of another task
        )
        random = found["missing_keys"] | {name for name, *_ in found["mismatched_keys"]}
        highest = _find_highest_id(tokenizer, input_ids)
        n_embeddings = model.get_input_embeddings().weight.shape[0]
        if highest < n_embeddings:
            rows = _pad_with_a_shorter_row(input_ids, model.config.pad_token_id)
            logits = model(**BatchEncoding(rows, tensor_type="pt")).logits[0]
            is_number = bool(logits.isfinite().all())
    except Exception as error:  # whatever the library makes of a foreign configuration
        reason = (" ".join(str(error).split()) or type(error).__name__)[:300]
        raise PipelineError(
            f"{place}: transformers cannot compute with it ({type(error).__name__}: {reason}).", remedy=REMEDY
        ) from error
    head = {name for name in random if not name.startswith(f"{model.base_model_prefix}.")}
    if head and (folder / KEPT_HEAD).is_file():
        raise refuse_head(place, f"its weights lack {min(head)}, or have it in another size")
    if highest >= n_embeddings:
        raise PipelineError(
            f"{place}: its tokenizer counts subtokens up to {highest}, but it has {n_embeddings} embeddings.",
            remedy="choose a checkpoint whose tokenizer and weights belong together.",
        )
    if not is_number:
        raise PipelineError(
            f"{place}: what it computes is no number: its weights hold NaN or infinity.",
            remedy="copy or download the checkpoint again, or choose another.",
        )


def _pad_with_a_shorter_row(input_ids: list[int], pad_id: int | None) -> dict[str, list[list[int]]]:
    """Return a batch as training makes it, padded: a pad_token_id that no embedding has fails here."""
    return {
        "input_ids": [input_ids, [*input_ids[:-1], pad_id or 0]],
        "attention_mask": [[1] * len(input_ids), [1] * (len(input_ids) - 1) + [0]],
    }


def _find_highest_id(tokenizer: Tokenizer, input_ids: list[int]) -> int:
    """Find the highest number that a word can get; special tokens that no sentence gets do not count."""
    added = tokenizer.get_added_tokens_decoder()
    special = {number for number, token in added.items() if token.special}
    words = [number for number in tokenizer.get_vocab().values() if number not in special]
    return max([*words, *input_ids])
