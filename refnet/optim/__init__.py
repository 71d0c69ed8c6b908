"""Optimizers, in order of complexity, and learning rate schedules; `swa_utils` averages models."""

from refnet.optim import lr_scheduler as lr_scheduler
from refnet.optim import swa_utils as swa_utils
from refnet.optim.adadelta import Adadelta as Adadelta
from refnet.optim.adafactor import Adafactor as Adafactor
from refnet.optim.adagrad import Adagrad as Adagrad
from refnet.optim.adam import Adam as Adam
from refnet.optim.adamax import Adamax as Adamax
from refnet.optim.adamw import AdamW as AdamW
from refnet.optim.asgd import ASGD as ASGD
from refnet.optim.lbfgs import LBFGS as LBFGS
from refnet.optim.muon import Muon as Muon
from refnet.optim.nadam import NAdam as NAdam
from refnet.optim.optimizer import Optimizer as Optimizer
from refnet.optim.radam import RAdam as RAdam
from refnet.optim.rmsprop import RMSprop as RMSprop
from refnet.optim.rprop import Rprop as Rprop
from refnet.optim.sgd import SGD as SGD
from refnet.optim.sparse_adam import SparseAdam as SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
