"""From a PyTorch tagger to ONNX, in float32 or with int8 weights."""

import importlib.util
import logging
import tempfile
import warnings
from pathlib import Path

from ner.core.checkpoint_files import copy_files, list_tagger_files
from ner.core.errors import PipelineError
from ner.onnx.tagger import MODEL

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
SINGLE_FILE_BYTES = 2**31 - 2**26  # protobuf holds no more; larger weights stand in files beside the model
OPSET = 20
OUTPUTS = ["logits", "inner_logits"]


def write_onnx_folder(tagger_dir: Path, folder: Path, *, int8: bool) -> None:
    """Write the tagger as ONNX, with all that tagging text needs: tokenizer, tag names, window settings.

    Args:
        tagger_dir: A checkpoint that `fine_tune` wrote.
        folder: An empty folder.
        int8: Whether to store the weights of the matrix products in int8, and quantise what they are
            multiplied with as it comes (dynamic quantisation).

    Raises:
        PipelineError: If a package is missing.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise PipelineError(
            f"{', '.join(missing)}: not installed.", remedy="pip install -r requirements-onnx.txt"
        )
    model = folder / MODEL
    is_large = sum(path.stat().st_size for path in tagger_dir.glob("*.safetensors")) > SINGLE_FILE_BYTES
    if int8:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            full = Path(scratch) / MODEL
            _export_model(tagger_dir, full, is_large=is_large)
            _quantise_model(full, model, is_large=is_large)
    else:
        _export_model(tagger_dir, model, is_large=is_large)
    copy_files(tagger_dir, folder, list_tagger_files(tagger_dir, with_weights=False))


def _export_model(tagger_dir: Path, path: Path, *, is_large: bool) -> None:
    """Trace the model with batches of any size and windows of any length."""
    import torch

    from ner.tagging.heads import LevelOutputs, count_levels
    from ner.tagging.tagger import Tagger

    model = Tagger.load(tagger_dir, subtokens_per_batch=1, precision="fp32").model.cpu()
    model.train(False)
    # As plain products: torch's own attention is traced with twice the transpositions and a search for NaN.
    model.set_attn_implementation("eager")
    # Two unlike lengths, neither 0 nor 1, and padding: what the tracer sees alike it takes for fixed.
    input_ids = torch.ones((2, 7), dtype=torch.int64)
    attention_mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    for chatty in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of torch's own code
        torch.onnx.export(
            model if count_levels(model) == 1 else LevelOutputs(model),
            (),
            path,
            kwargs={"input_ids": input_ids, "attention_mask": attention_mask},
            input_names=["input_ids", "attention_mask"],
            output_names=OUTPUTS[: count_levels(model)],
            dynamic_shapes={"input_ids": any_size, "attention_mask": any_size},
            opset_version=OPSET,
            dynamo=True,
            external_data=is_large,
            verbose=False,
        )


def _quantise_model(source: Path, target: Path, *, is_large: bool) -> None:
    """Store the encoder's weights in int8, one scale a column; embeddings and heads stay in float32.

    A head is one small product, and each of its outputs decides between tags; an embedding is looked
    up, not multiplied.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_name("prepared.onnx")
    # Merges what the quantiser would not find in parts. Its symbolic shapes are not needed and fail on
    # some encoders.
    quant_pre_process(source, prepared, skip_symbolic_shape=True, save_as_external_data=is_large)
    graph = onnx.load(prepared, load_external_data=False).graph
    heads = [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm")][-len(graph.output) :]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the quantiser advises on the root logger what was just done
    try:
        quantize_dynamic(
            prepared,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=heads,
            use_external_data_format=is_large,
        )
    finally:
        root.setLevel(level)
