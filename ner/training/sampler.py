"""The order of training: batches of windows of similar length, mixed anew each epoch."""

from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

from ner.windows.batching import epoch_batches


class LengthSampler(Sampler[int]):
    """Yields windows so that each batch holds similar lengths; the order depends on seed and epoch alone.

    Args:
        lengths: Subtokens of each window. Shape: (n_windows,).
        batch_size: Windows in an optimiser step, of all processes together.
        seed: Seed of the run.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`; the Trainer calls this, also when it resumes."""
        self.epoch = epoch

    def batches(self, epoch: int) -> list[list[int]]:
        """Yield the batches of an epoch."""
        return epoch_batches(self.lengths, self.batch_size, seed=self.seed, epoch=epoch)

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of the current epoch's windows."""
        return (index for batch in self.batches(self.epoch) for index in batch)
