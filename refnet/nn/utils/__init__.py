"""Helpers on parameters, gradients and sequences."""

from refnet.nn.utils import rnn as rnn
from refnet.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from refnet.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from refnet.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from refnet.nn.utils.clip_grad import get_total_norm as get_total_norm
from refnet.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from refnet.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
