"""Neural networks: parameters, modules, functions, initialisation."""

from refnet.nn import functional as functional
from refnet.nn import init as init
from refnet.nn import modules as modules
from refnet.nn import utils as utils
from refnet.nn.modules import *
from refnet.nn.parameter import Buffer as Buffer
from refnet.nn.parameter import Parameter as Parameter
from refnet.nn.parameter import UninitializedBuffer as UninitializedBuffer
from refnet.nn.parameter import UninitializedParameter as UninitializedParameter
