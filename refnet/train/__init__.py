"""Training: `Trainer`, with early stopping, checkpoints and learning curves, and ``python -m refnet.train``.

Written against torch's names only, so that the same code trains a model of refnet, or one of another library that is
handed to it. The engine knows nothing of it: ``import refnet`` does not load it. Its progress bar and figures need the
extra packages of ``pip install 'refnet[train]'``; all else works without.
"""

from refnet.train.checkpoint import CheckpointError as CheckpointError
from refnet.train.curves import Curves as Curves
from refnet.train.curves import plot as plot
from refnet.train.early_stopping import EarlyStopping as EarlyStopping
from refnet.train.interruption import Interrupted as Interrupted
from refnet.train.trainer import Trainer as Trainer
from refnet.train.trainer import correct as correct

__all__ = ["CheckpointError", "Curves", "EarlyStopping", "Interrupted", "Trainer", "correct", "plot"]
