"""How a command ends: exit status, one line, and no traceback for what the user can fix."""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator

from ner.core.errors import PipelineError
from ner.core.escaping import escape_controls

ROOM = "make room on the disk (dvc gc -w removes what no file here needs) and run it again."
RIGHTS = "change who may read and write there, and run it again."
ABSENT = "make it with dvc repro, or fetch it with dvc pull."
KIND = "remove or rename it: a file stands where a folder should, or a folder where a file should."
# What a system says of a file that the user can do something about; anything else is a bug of ours.
REMEDIES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: ROOM,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: RIGHTS,
    errno.ENOENT: ABSENT,
    errno.ENOTDIR: KIND,
    errno.EISDIR: KIND,
    errno.EEXIST: KIND,
    errno.EIO: "check the disk: it cannot be read or written.",
}
USE_CPU = "compute on the CPU: put CUDA_VISIBLE_DEVICES= before the command"
# What PyTorch says of a GPU that the user can do something about, in RuntimeErrors.
DEVICE_REMEDIES = {
    "CUDA out of memory": f"free the GPU's memory (nvidia-smi lists who holds it), or {USE_CPU}.",
    "CUDA error: out of memory": f"free the GPU's memory (nvidia-smi lists who holds it), or {USE_CPU}.",
    "CUDA-capable device(s) is/are busy": f"end what holds the GPU (see nvidia-smi), or {USE_CPU}.",
    "CUDA error: no kernel image": f"install a PyTorch that supports this GPU, or {USE_CPU}.",
    "Found no NVIDIA driver": f"install the driver, or {USE_CPU}.",
    "The NVIDIA driver on your system is too old": f"install a newer driver, or {USE_CPU}.",
    "MPS backend out of memory": "close other programs, or set train.gradient_accumulation_steps higher.",
}
# How safetensors and tokenizers, and shutil.copytree, quote the system.
QUOTED = re.compile(r"(?:\(os error |\[Errno )(\d+)[)\]]")


class InertFormatter(logging.Formatter):
    """Lets a log line show any word of a corpus as text."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, control characters escaped."""
        return escape_controls(super().format(record))


def run_command(command: Callable[[], None]) -> None:
    """Run a command's body and turn what the user can fix into one line and exit status 1.

    Args:
        command: Reads the command line and does the work.

    Raises:
        SystemExit: With status 1 after a `PipelineError`, a full disk or a file that may not be read or
            written, 130 after Ctrl-C.
    """
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(InertFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    for chatty in ("httpx2", "httpcore2", "huggingface_hub", "datasets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None
    except Exception as error:
        known = error if isinstance(error, PipelineError) else None
        explained = known or explain_device_error(error) or explain_system_error(error)
        if explained is None:
            raise
        sys.stderr.write(f"error: {explained}\n")
        raise SystemExit(1) from None


def explain_system_error(error: BaseException) -> PipelineError | None:
    """Turn a full disk, a missing right or a missing file into a line; None for anything else.

    Libraries wrap what the system says in exceptions of their own, so that the causes are searched too.
    """
    for cause, is_certain in _causes(error):
        quoted = QUOTED.search(str(cause))
        number = getattr(cause, "errno", None) or (int(quoted[1]) if quoted else None)
        if number in REMEDIES and (is_certain or REMEDIES[number] is ROOM):
            file = getattr(cause, "filename2", None) or getattr(
                cause, "filename", None
            )  # where to, from where
            place = f"{os.fsdecode(file)}: " if isinstance(file, str | bytes | os.PathLike) else ""
            return PipelineError(f"{place}{os.strerror(number)}.", remedy=REMEDIES[number])
    return None


def explain_device_error(error: BaseException) -> PipelineError | None:
    """Turn a GPU's full memory or unusable driver into a line; None for anything else."""
    for cause, is_certain in _causes(error):
        if is_certain and isinstance(cause, RuntimeError):
            reason = (str(cause).strip() or "no reason").splitlines()[0]
            for words, remedy in DEVICE_REMEDIES.items():
                if words in reason:
                    return PipelineError(f"the GPU cannot compute this ({reason[:200]}).", remedy=remedy)
    return None


def _causes(error: BaseException | None) -> Iterator[tuple[BaseException, bool]]:
    """Yield an error and its causes, with whether each is a stated cause (`from`) or only came before."""
    is_certain = True
    while error is not None:
        yield error, is_certain
        is_certain = is_certain and error.__cause__ is not None
        error = error.__cause__ or error.__context__
