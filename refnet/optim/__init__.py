"""Optimizers, in order of complexity: SGD, Adam, AdamW; and learning rate schedules."""

from refnet.optim import lr_scheduler as lr_scheduler
from refnet.optim.adam import Adam as Adam
from refnet.optim.adamw import AdamW as AdamW
from refnet.optim.optimizer import Optimizer as Optimizer
from refnet.optim.sgd import SGD as SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
