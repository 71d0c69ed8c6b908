"""Reductions and normalizations that skip the elements that a mask is False for, under torch.masked's names."""

from refnet.masked.normalizations import cumprod as cumprod
from refnet.masked.normalizations import cumsum as cumsum
from refnet.masked.normalizations import log_softmax as log_softmax
from refnet.masked.normalizations import normalize as normalize
from refnet.masked.normalizations import softmax as softmax
from refnet.masked.normalizations import softmin as softmin
from refnet.masked.reductions import amax as amax
from refnet.masked.reductions import amin as amin
from refnet.masked.reductions import argmax as argmax
from refnet.masked.reductions import argmin as argmin
from refnet.masked.reductions import logaddexp as logaddexp
from refnet.masked.reductions import logsumexp as logsumexp
from refnet.masked.reductions import mean as mean
from refnet.masked.reductions import median as median
from refnet.masked.reductions import norm as norm
from refnet.masked.reductions import prod as prod
from refnet.masked.reductions import std as std
from refnet.masked.reductions import sum as sum
from refnet.masked.reductions import var as var

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
