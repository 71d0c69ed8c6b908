"""Learning rate schedules, stepped after the optimizer, usually once an epoch.

Most schedules compute the next rate from the present one (so that several can act on one optimizer), as torch does; the
closed form is given in each docstring. All rates are Python's floats, and agree with torch's bit for bit.

`schedule` has the base class, `factors` the schedules that multiply by a number, `cosine` and `cycles` those that go up
and down, `composed` those made of others, and `plateau` the one that follows a metric.
"""

from refnet.optim.lr_scheduler.composed import ChainedScheduler as ChainedScheduler
from refnet.optim.lr_scheduler.composed import SequentialLR as SequentialLR
from refnet.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from refnet.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from refnet.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from refnet.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from refnet.optim.lr_scheduler.factors import ConstantLR as ConstantLR
from refnet.optim.lr_scheduler.factors import ExponentialLR as ExponentialLR
from refnet.optim.lr_scheduler.factors import LambdaLR as LambdaLR
from refnet.optim.lr_scheduler.factors import LinearLR as LinearLR
from refnet.optim.lr_scheduler.factors import MultiplicativeLR as MultiplicativeLR
from refnet.optim.lr_scheduler.factors import MultiStepLR as MultiStepLR
from refnet.optim.lr_scheduler.factors import PolynomialLR as PolynomialLR
from refnet.optim.lr_scheduler.factors import StepLR as StepLR
from refnet.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from refnet.optim.lr_scheduler.schedule import LRScheduler as LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
