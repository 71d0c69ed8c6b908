"""refnet: tensors, automatic differentiation and neural networks on numpy, under PyTorch's names.

``import refnet as torch`` is the idea: functions, defaults, dtypes, errors and random streams are torch's.

>>> import refnet
>>> x = refnet.tensor([1.0, 2.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from builtins import bool as _Bool
from builtins import int as _Int

from refnet import autograd as autograd
from refnet import backends as backends
from refnet import datasets as datasets
from refnet import linalg as linalg
from refnet import models as models
from refnet import nn as nn
from refnet import optim as optim
from refnet import random as random
from refnet import special as special
from refnet import utils as utils
from refnet._device import device as device
from refnet._dtype import bfloat16 as bfloat16
from refnet._dtype import bool_ as bool
from refnet._dtype import can_cast as can_cast
from refnet._dtype import dtype as dtype
from refnet._dtype import finfo as finfo
from refnet._dtype import float16 as float16
from refnet._dtype import float16 as half
from refnet._dtype import float32 as float
from refnet._dtype import float32 as float32
from refnet._dtype import float64 as double
from refnet._dtype import float64 as float64
from refnet._dtype import get_default_dtype as get_default_dtype
from refnet._dtype import iinfo as iinfo
from refnet._dtype import int8 as int8
from refnet._dtype import int16 as int16
from refnet._dtype import int16 as short
from refnet._dtype import int32 as int
from refnet._dtype import int32 as int32
from refnet._dtype import int64 as int64
from refnet._dtype import int64 as long
from refnet._dtype import promote_types as promote_types
from refnet._dtype import result_type as result_type
from refnet._dtype import set_default_dtype as set_default_dtype
from refnet._dtype import uint8 as uint8
from refnet._format import set_printoptions as set_printoptions
from refnet._memory_format import channels_last as channels_last
from refnet._memory_format import channels_last_3d as channels_last_3d
from refnet._memory_format import contiguous_format as contiguous_format
from refnet._memory_format import memory_format as memory_format
from refnet._memory_format import preserve_format as preserve_format
from refnet._ops.einsum import einsum as einsum
from refnet._ops.index import gather as gather
from refnet._ops.index import index_add as index_add
from refnet._ops.index import index_copy as index_copy
from refnet._ops.index import index_fill as index_fill
from refnet._ops.index import index_put as index_put
from refnet._ops.index import index_select as index_select
from refnet._ops.index import masked_fill as masked_fill
from refnet._ops.index import masked_scatter as masked_scatter
from refnet._ops.index import masked_select as masked_select
from refnet._ops.index import nonzero as nonzero
from refnet._ops.index import scatter as scatter
from refnet._ops.index import scatter_add as scatter_add
from refnet._ops.index import take_along as take
from refnet._ops.index import take_along_dim as take_along_dim
from refnet._ops.matmul import addmm as addmm
from refnet._ops.matmul import addmv as addmv
from refnet._ops.matmul import baddbmm as baddbmm
from refnet._ops.matmul import bmm as bmm
from refnet._ops.matmul import dot as dot
from refnet._ops.matmul import matmul as matmul
from refnet._ops.matmul import mm as mm
from refnet._ops.matmul import mv as mv
from refnet._ops.matmul import outer as outer
from refnet._ops.matmul import tensordot as tensordot
from refnet._ops.pointwise import abs as abs
from refnet._ops.pointwise import abs as absolute
from refnet._ops.pointwise import acos as acos
from refnet._ops.pointwise import acos as arccos
from refnet._ops.pointwise import acosh as acosh
from refnet._ops.pointwise import add as add
from refnet._ops.pointwise import addcdiv as addcdiv
from refnet._ops.pointwise import addcmul as addcmul
from refnet._ops.pointwise import asin as arcsin
from refnet._ops.pointwise import asin as asin
from refnet._ops.pointwise import asinh as asinh
from refnet._ops.pointwise import atan as arctan
from refnet._ops.pointwise import atan as atan
from refnet._ops.pointwise import atan2 as atan2
from refnet._ops.pointwise import atanh as atanh
from refnet._ops.pointwise import bitwise_and as bitwise_and
from refnet._ops.pointwise import bitwise_left_shift as bitwise_left_shift
from refnet._ops.pointwise import bitwise_not as bitwise_not
from refnet._ops.pointwise import bitwise_or as bitwise_or
from refnet._ops.pointwise import bitwise_right_shift as bitwise_right_shift
from refnet._ops.pointwise import bitwise_xor as bitwise_xor
from refnet._ops.pointwise import ceil as ceil
from refnet._ops.pointwise import clamp as clamp
from refnet._ops.pointwise import clamp as clip
from refnet._ops.pointwise import clamp_max as clamp_max
from refnet._ops.pointwise import clamp_min as clamp_min
from refnet._ops.pointwise import cos as cos
from refnet._ops.pointwise import cosh as cosh
from refnet._ops.pointwise import deg2rad as deg2rad
from refnet._ops.pointwise import div as div
from refnet._ops.pointwise import div as divide
from refnet._ops.pointwise import eq as eq
from refnet._ops.pointwise import exp as exp
from refnet._ops.pointwise import exp2 as exp2
from refnet._ops.pointwise import expm1 as expm1
from refnet._ops.pointwise import floor as floor
from refnet._ops.pointwise import floor_divide as floor_divide
from refnet._ops.pointwise import fmax as fmax
from refnet._ops.pointwise import fmin as fmin
from refnet._ops.pointwise import fmod as fmod
from refnet._ops.pointwise import frac as frac
from refnet._ops.pointwise import ge as ge
from refnet._ops.pointwise import ge as greater_equal
from refnet._ops.pointwise import gt as greater
from refnet._ops.pointwise import gt as gt
from refnet._ops.pointwise import hypot as hypot
from refnet._ops.pointwise import isfinite as isfinite
from refnet._ops.pointwise import isinf as isinf
from refnet._ops.pointwise import isnan as isnan
from refnet._ops.pointwise import le as le
from refnet._ops.pointwise import le as less_equal
from refnet._ops.pointwise import lerp as lerp
from refnet._ops.pointwise import log as log
from refnet._ops.pointwise import log1p as log1p
from refnet._ops.pointwise import log2 as log2
from refnet._ops.pointwise import log10 as log10
from refnet._ops.pointwise import logaddexp as logaddexp
from refnet._ops.pointwise import logical_and as logical_and
from refnet._ops.pointwise import logical_not as logical_not
from refnet._ops.pointwise import logical_or as logical_or
from refnet._ops.pointwise import logical_xor as logical_xor
from refnet._ops.pointwise import logit as logit
from refnet._ops.pointwise import lt as less
from refnet._ops.pointwise import lt as lt
from refnet._ops.pointwise import maximum as maximum
from refnet._ops.pointwise import minimum as minimum
from refnet._ops.pointwise import mul as mul
from refnet._ops.pointwise import mul as multiply
from refnet._ops.pointwise import nan_to_num as nan_to_num
from refnet._ops.pointwise import ne as ne
from refnet._ops.pointwise import ne as not_equal
from refnet._ops.pointwise import neg as neg
from refnet._ops.pointwise import neg as negative
from refnet._ops.pointwise import positive as positive
from refnet._ops.pointwise import pow as pow
from refnet._ops.pointwise import rad2deg as rad2deg
from refnet._ops.pointwise import reciprocal as reciprocal
from refnet._ops.pointwise import relu as relu
from refnet._ops.pointwise import remainder as remainder
from refnet._ops.pointwise import round as round
from refnet._ops.pointwise import rsqrt as rsqrt
from refnet._ops.pointwise import rsub as rsub
from refnet._ops.pointwise import sigmoid as sigmoid
from refnet._ops.pointwise import sign as sign
from refnet._ops.pointwise import signbit as signbit
from refnet._ops.pointwise import sin as sin
from refnet._ops.pointwise import sinh as sinh
from refnet._ops.pointwise import sqrt as sqrt
from refnet._ops.pointwise import square as square
from refnet._ops.pointwise import sub as sub
from refnet._ops.pointwise import sub as subtract
from refnet._ops.pointwise import tan as tan
from refnet._ops.pointwise import tanh as tanh
from refnet._ops.pointwise import true_divide as true_divide
from refnet._ops.pointwise import trunc as fix
from refnet._ops.pointwise import trunc as trunc
from refnet._ops.pointwise import where as where
from refnet._ops.reduce import all as all
from refnet._ops.reduce import amax as amax
from refnet._ops.reduce import amin as amin
from refnet._ops.reduce import aminmax as aminmax
from refnet._ops.reduce import any as any
from refnet._ops.reduce import argmax as argmax
from refnet._ops.reduce import argmin as argmin
from refnet._ops.reduce import count_nonzero as count_nonzero
from refnet._ops.reduce import cumprod as cumprod
from refnet._ops.reduce import cumsum as cumsum
from refnet._ops.reduce import logsumexp as logsumexp
from refnet._ops.reduce import max as max
from refnet._ops.reduce import mean as mean
from refnet._ops.reduce import min as min
from refnet._ops.reduce import nansum as nansum
from refnet._ops.reduce import norm as norm
from refnet._ops.reduce import prod as prod
from refnet._ops.reduce import std as std
from refnet._ops.reduce import std_mean as std_mean
from refnet._ops.reduce import sum as sum
from refnet._ops.reduce import var as var
from refnet._ops.reduce import var_mean as var_mean
from refnet._ops.shape import as_strided as as_strided
from refnet._ops.shape import cat as cat
from refnet._ops.shape import cat as concat
from refnet._ops.shape import cat as concatenate
from refnet._ops.shape import chunk as chunk
from refnet._ops.shape import expand as broadcast_to
from refnet._ops.shape import flatten as flatten
from refnet._ops.shape import flip as flip
from refnet._ops.shape import movedim as moveaxis
from refnet._ops.shape import movedim as movedim
from refnet._ops.shape import narrow as narrow
from refnet._ops.shape import permute as permute
from refnet._ops.shape import reshape as reshape
from refnet._ops.shape import roll as roll
from refnet._ops.shape import select as select
from refnet._ops.shape import split as split
from refnet._ops.shape import squeeze as squeeze
from refnet._ops.shape import stack as stack
from refnet._ops.shape import t as t
from refnet._ops.shape import tile as tile
from refnet._ops.shape import transpose as swapaxes
from refnet._ops.shape import transpose as transpose
from refnet._ops.shape import tril as tril
from refnet._ops.shape import triu as triu
from refnet._ops.shape import unbind as unbind
from refnet._ops.shape import unflatten as unflatten
from refnet._ops.shape import unsqueeze as unsqueeze
from refnet._ops.softmax import log_softmax as log_softmax
from refnet._ops.softmax import softmax as softmax
from refnet._ops.sort import argsort as argsort
from refnet._ops.sort import sort as sort
from refnet._ops.sort import topk as topk
from refnet._ops.special import erf as erf
from refnet._ops.special import erfc as erfc
from refnet._ops.special import erfinv as erfinv
from refnet._tape import is_grad_enabled as is_grad_enabled
from refnet._tape import is_inference_mode_enabled as is_inference_mode_enabled
from refnet._threads import get_num_threads as get_num_threads
from refnet._threads import set_num_threads as set_num_threads
from refnet.autograd.grad_mode import enable_grad as enable_grad
from refnet.autograd.grad_mode import inference_mode as inference_mode
from refnet.autograd.grad_mode import no_grad as no_grad
from refnet.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from refnet.creation import arange as arange
from refnet.creation import as_tensor as as_tensor
from refnet.creation import asarray as asarray
from refnet.creation import empty as empty
from refnet.creation import empty_like as empty_like
from refnet.creation import eye as eye
from refnet.creation import from_dlpack as from_dlpack
from refnet.creation import from_numpy as from_numpy
from refnet.creation import full as full
from refnet.creation import full_like as full_like
from refnet.creation import linspace as linspace
from refnet.creation import logspace as logspace
from refnet.creation import ones as ones
from refnet.creation import ones_like as ones_like
from refnet.creation import tensor as tensor
from refnet.creation import zeros as zeros
from refnet.creation import zeros_like as zeros_like
from refnet.nn.functional.activation import celu as celu
from refnet.nn.functional.activation import celu_ as celu_
from refnet.nn.functional.activation import relu_ as relu_
from refnet.nn.functional.activation import selu as selu
from refnet.nn.functional.activation import selu_ as selu_
from refnet.nn.functional.activation import threshold as threshold
from refnet.nn.functional.activation import threshold_ as threshold_
from refnet.nn.functional.bilinear import bilinear as bilinear
from refnet.nn.functional.distance import cosine_similarity as cosine_similarity
from refnet.nn.functional.distance import pairwise_distance as pairwise_distance
from refnet.nn.functional.distance import pdist as pdist
from refnet.nn.functional.rectifier import hardshrink as hardshrink
from refnet.nn.functional.rectifier import prelu as prelu
from refnet.nn.functional.rectifier import rrelu as rrelu
from refnet.nn.functional.rectifier import rrelu_ as rrelu_
from refnet.nn.functional.rnn import gru as gru
from refnet.nn.functional.rnn import gru_cell as gru_cell
from refnet.nn.functional.rnn import lstm as lstm
from refnet.nn.functional.rnn import lstm_cell as lstm_cell
from refnet.nn.functional.rnn import rnn_relu as rnn_relu
from refnet.nn.functional.rnn import rnn_relu_cell as rnn_relu_cell
from refnet.nn.functional.rnn import rnn_tanh as rnn_tanh
from refnet.nn.functional.rnn import rnn_tanh_cell as rnn_tanh_cell
from refnet.random import Generator as Generator
from refnet.random import bernoulli as bernoulli
from refnet.random import binomial as binomial
from refnet.random import default_generator as default_generator
from refnet.random import fork_rng as fork_rng
from refnet.random import get_rng_state as get_rng_state
from refnet.random import initial_seed as initial_seed
from refnet.random import manual_seed as manual_seed
from refnet.random import multinomial as multinomial
from refnet.random import normal as normal
from refnet.random import poisson as poisson
from refnet.random import rand as rand
from refnet.random import rand_like as rand_like
from refnet.random import randint as randint
from refnet.random import randint_like as randint_like
from refnet.random import randn as randn
from refnet.random import randn_like as randn_like
from refnet.random import randperm as randperm
from refnet.random import seed as seed
from refnet.random import set_rng_state as set_rng_state
from refnet.serialization import load as load
from refnet.serialization import save as save
from refnet.tensor import Size as Size
from refnet.tensor import Tensor as Tensor

__version__ = "0.1.0"


def is_tensor(obj: object) -> _Bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> _Bool:
    """Whether the dtype of input is a floating type."""
    return input.is_floating_point()


def numel(input: Tensor) -> _Int:
    """The number of elements of input."""
    return input.numel()


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy of input that gradients pass through."""
    copied: Tensor = input.clone(memory_format=memory_format)
    return copied
