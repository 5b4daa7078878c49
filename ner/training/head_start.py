"""Fresh heads that start at how often each tag occurs, so that training need not learn that first.

With biases of zero the first steps teach the encoder little but that most subtokens are `O`: a plateau that a
small encoder may not leave for epochs. Lin et al. 2017 (Focal Loss, section 3.3) start a detector's last
layer likewise.
"""

from collections.abc import Iterable, Sequence

import torch
from transformers import PreTrainedModel

from ner.core.errors import PipelineError
from ner.tagging.heads import find_heads
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow


def start_heads(model: PreTrainedModel, rows: Sequence[TokenizedWindow]) -> None:
    """Set the heads' biases so that zero weights would give each tag its share of the training targets.

    The bias of a tag is the logarithm of its share, each count one more than it is (add-one smoothing): no
    tag starts impossible.

    Args:
        model: Encoder and fresh heads; changed in place. A head without biases, or of another kind than a
            linear layer, stays as it is.
        rows: Windows of the training split.
    """
    try:
        _, heads = find_heads(model)
    except PipelineError:  # no linear layer: a model of the outer level alone may have it
        return
    levels = [(row.targets for row in rows), (row.inner_targets or () for row in rows)]
    for head, targets in zip(heads, levels, strict=False):
        if head.bias is not None:
            head.bias.data.copy_(log_shares(targets, head.out_features))


def log_shares(targets: Iterable[Sequence[int]], n_tags: int) -> torch.Tensor:
    """Compute the logarithm of each tag's smoothed share.

    Args:
        targets: Target ids, ignored ones among them. Shape: (n_windows, n_subtokens).
        n_tags: Tags that there are.

    Returns:
        Shape: (n_tags,).
    """
    counts = torch.ones(n_tags, dtype=torch.float64)
    for ids in targets:
        counts += torch.bincount(
            torch.tensor([i for i in ids if i != IGNORE_ID], dtype=torch.int64), minlength=n_tags
        )
    return (counts / counts.sum()).log()
