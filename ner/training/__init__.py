"""One training run: arguments, trainer, checkpoints, results."""
