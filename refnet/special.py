"""Special functions under torch.special's names."""

from refnet._ops.pointwise import exp2 as exp2
from refnet._ops.pointwise import expm1 as expm1
from refnet._ops.pointwise import log1p as log1p
from refnet._ops.pointwise import logit as logit
from refnet._ops.pointwise import sigmoid as expit
from refnet._ops.reduce import logsumexp as logsumexp
from refnet._ops.softmax import log_softmax as log_softmax
from refnet._ops.softmax import softmax as softmax
from refnet._ops.special import erf as erf
from refnet._ops.special import erfc as erfc
from refnet._ops.special import erfinv as erfinv
from refnet._ops.special import ndtr as ndtr

__all__ = [
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "softmax",
]
