"""Layers, by family, under torch.nn's names."""

from refnet.nn.modules.activation import CELU as CELU
from refnet.nn.modules.activation import ELU as ELU
from refnet.nn.modules.activation import GELU as GELU
from refnet.nn.modules.activation import GLU as GLU
from refnet.nn.modules.activation import SELU as SELU
from refnet.nn.modules.activation import Hardtanh as Hardtanh
from refnet.nn.modules.activation import LeakyReLU as LeakyReLU
from refnet.nn.modules.activation import LogSigmoid as LogSigmoid
from refnet.nn.modules.activation import LogSoftmax as LogSoftmax
from refnet.nn.modules.activation import Mish as Mish
from refnet.nn.modules.activation import ReLU as ReLU
from refnet.nn.modules.activation import ReLU6 as ReLU6
from refnet.nn.modules.activation import Sigmoid as Sigmoid
from refnet.nn.modules.activation import SiLU as SiLU
from refnet.nn.modules.activation import Softmax as Softmax
from refnet.nn.modules.activation import Softmax2d as Softmax2d
from refnet.nn.modules.activation import Softmin as Softmin
from refnet.nn.modules.activation import Softplus as Softplus
from refnet.nn.modules.activation import Softsign as Softsign
from refnet.nn.modules.activation import Tanh as Tanh
from refnet.nn.modules.activation import Tanhshrink as Tanhshrink
from refnet.nn.modules.activation import Threshold as Threshold
from refnet.nn.modules.adaptive import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from refnet.nn.modules.attention import MultiheadAttention as MultiheadAttention
from refnet.nn.modules.batchnorm import BatchNorm1d as BatchNorm1d
from refnet.nn.modules.batchnorm import BatchNorm2d as BatchNorm2d
from refnet.nn.modules.batchnorm import BatchNorm3d as BatchNorm3d
from refnet.nn.modules.batchnorm import LazyBatchNorm1d as LazyBatchNorm1d
from refnet.nn.modules.batchnorm import LazyBatchNorm2d as LazyBatchNorm2d
from refnet.nn.modules.batchnorm import LazyBatchNorm3d as LazyBatchNorm3d
from refnet.nn.modules.bilinear import Bilinear as Bilinear
from refnet.nn.modules.container import ModuleDict as ModuleDict
from refnet.nn.modules.container import ModuleList as ModuleList
from refnet.nn.modules.container import ParameterDict as ParameterDict
from refnet.nn.modules.container import ParameterList as ParameterList
from refnet.nn.modules.container import Sequential as Sequential
from refnet.nn.modules.container import pairs as pairs
from refnet.nn.modules.container import position as position
from refnet.nn.modules.conv import Conv1d as Conv1d
from refnet.nn.modules.conv import Conv2d as Conv2d
from refnet.nn.modules.conv import Conv3d as Conv3d
from refnet.nn.modules.conv import ConvTranspose1d as ConvTranspose1d
from refnet.nn.modules.conv import ConvTranspose2d as ConvTranspose2d
from refnet.nn.modules.conv import ConvTranspose3d as ConvTranspose3d
from refnet.nn.modules.conv import LazyConv1d as LazyConv1d
from refnet.nn.modules.conv import LazyConv2d as LazyConv2d
from refnet.nn.modules.conv import LazyConv3d as LazyConv3d
from refnet.nn.modules.conv import LazyConvTranspose1d as LazyConvTranspose1d
from refnet.nn.modules.conv import LazyConvTranspose2d as LazyConvTranspose2d
from refnet.nn.modules.conv import LazyConvTranspose3d as LazyConvTranspose3d
from refnet.nn.modules.ctc import CTCLoss as CTCLoss
from refnet.nn.modules.distance import CosineSimilarity as CosineSimilarity
from refnet.nn.modules.distance import PairwiseDistance as PairwiseDistance
from refnet.nn.modules.dropout import AlphaDropout as AlphaDropout
from refnet.nn.modules.dropout import Dropout as Dropout
from refnet.nn.modules.dropout import Dropout1d as Dropout1d
from refnet.nn.modules.dropout import Dropout2d as Dropout2d
from refnet.nn.modules.dropout import Dropout3d as Dropout3d
from refnet.nn.modules.dropout import FeatureAlphaDropout as FeatureAlphaDropout
from refnet.nn.modules.flatten import Flatten as Flatten
from refnet.nn.modules.flatten import Unflatten as Unflatten
from refnet.nn.modules.fold import Fold as Fold
from refnet.nn.modules.fold import Unfold as Unfold
from refnet.nn.modules.fractional import FractionalMaxPool2d as FractionalMaxPool2d
from refnet.nn.modules.fractional import FractionalMaxPool3d as FractionalMaxPool3d
from refnet.nn.modules.instancenorm import InstanceNorm1d as InstanceNorm1d
from refnet.nn.modules.instancenorm import InstanceNorm2d as InstanceNorm2d
from refnet.nn.modules.instancenorm import InstanceNorm3d as InstanceNorm3d
from refnet.nn.modules.instancenorm import LazyInstanceNorm1d as LazyInstanceNorm1d
from refnet.nn.modules.instancenorm import LazyInstanceNorm2d as LazyInstanceNorm2d
from refnet.nn.modules.instancenorm import LazyInstanceNorm3d as LazyInstanceNorm3d
from refnet.nn.modules.lazy import LazyModuleMixin as LazyModuleMixin
from refnet.nn.modules.likelihood import GaussianNLLLoss as GaussianNLLLoss
from refnet.nn.modules.likelihood import KLDivLoss as KLDivLoss
from refnet.nn.modules.likelihood import PoissonNLLLoss as PoissonNLLLoss
from refnet.nn.modules.linear import Identity as Identity
from refnet.nn.modules.linear import LazyLinear as LazyLinear
from refnet.nn.modules.linear import Linear as Linear
from refnet.nn.modules.linear_cross_entropy import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from refnet.nn.modules.linear_cross_entropy import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from refnet.nn.modules.loss import BCELoss as BCELoss
from refnet.nn.modules.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from refnet.nn.modules.loss import CrossEntropyLoss as CrossEntropyLoss
from refnet.nn.modules.loss import HuberLoss as HuberLoss
from refnet.nn.modules.loss import L1Loss as L1Loss
from refnet.nn.modules.loss import MSELoss as MSELoss
from refnet.nn.modules.loss import NLLLoss as NLLLoss
from refnet.nn.modules.loss import SmoothL1Loss as SmoothL1Loss
from refnet.nn.modules.margin import MultiLabelMarginLoss as MultiLabelMarginLoss
from refnet.nn.modules.margin import MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss
from refnet.nn.modules.margin import MultiMarginLoss as MultiMarginLoss
from refnet.nn.modules.margin import SoftMarginLoss as SoftMarginLoss
from refnet.nn.modules.metric import CosineEmbeddingLoss as CosineEmbeddingLoss
from refnet.nn.modules.metric import HingeEmbeddingLoss as HingeEmbeddingLoss
from refnet.nn.modules.metric import MarginRankingLoss as MarginRankingLoss
from refnet.nn.modules.metric import TripletMarginLoss as TripletMarginLoss
from refnet.nn.modules.metric import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
from refnet.nn.modules.module import Module as Module
from refnet.nn.modules.module import Registration as Registration
from refnet.nn.modules.module import clear_grad as clear_grad
from refnet.nn.modules.module import indented as indented
from refnet.nn.modules.module import (
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
)
from refnet.nn.modules.module import register_module_forward_hook as register_module_forward_hook
from refnet.nn.modules.module import register_module_forward_pre_hook as register_module_forward_pre_hook
from refnet.nn.modules.module import register_module_full_backward_hook as register_module_full_backward_hook
from refnet.nn.modules.module import register_module_full_backward_pre_hook as register_module_full_backward_pre_hook
from refnet.nn.modules.module import (
    register_module_module_registration_hook as register_module_module_registration_hook,
)
from refnet.nn.modules.module import (
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from refnet.nn.modules.normalization import CrossMapLRN2d as CrossMapLRN2d
from refnet.nn.modules.normalization import GroupNorm as GroupNorm
from refnet.nn.modules.normalization import LayerNorm as LayerNorm
from refnet.nn.modules.normalization import LocalResponseNorm as LocalResponseNorm
from refnet.nn.modules.normalization import RMSNorm as RMSNorm
from refnet.nn.modules.padding import CircularPad1d as CircularPad1d
from refnet.nn.modules.padding import CircularPad2d as CircularPad2d
from refnet.nn.modules.padding import CircularPad3d as CircularPad3d
from refnet.nn.modules.padding import ConstantPad1d as ConstantPad1d
from refnet.nn.modules.padding import ConstantPad2d as ConstantPad2d
from refnet.nn.modules.padding import ConstantPad3d as ConstantPad3d
from refnet.nn.modules.padding import ReflectionPad1d as ReflectionPad1d
from refnet.nn.modules.padding import ReflectionPad2d as ReflectionPad2d
from refnet.nn.modules.padding import ReflectionPad3d as ReflectionPad3d
from refnet.nn.modules.padding import ReplicationPad1d as ReplicationPad1d
from refnet.nn.modules.padding import ReplicationPad2d as ReplicationPad2d
from refnet.nn.modules.padding import ReplicationPad3d as ReplicationPad3d
from refnet.nn.modules.padding import ZeroPad1d as ZeroPad1d
from refnet.nn.modules.padding import ZeroPad2d as ZeroPad2d
from refnet.nn.modules.padding import ZeroPad3d as ZeroPad3d
from refnet.nn.modules.pixelshuffle import ChannelShuffle as ChannelShuffle
from refnet.nn.modules.pixelshuffle import PixelShuffle as PixelShuffle
from refnet.nn.modules.pixelshuffle import PixelUnshuffle as PixelUnshuffle
from refnet.nn.modules.pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from refnet.nn.modules.pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from refnet.nn.modules.pooling import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from refnet.nn.modules.pooling import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from refnet.nn.modules.pooling import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from refnet.nn.modules.pooling import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from refnet.nn.modules.pooling import AvgPool1d as AvgPool1d
from refnet.nn.modules.pooling import AvgPool2d as AvgPool2d
from refnet.nn.modules.pooling import AvgPool3d as AvgPool3d
from refnet.nn.modules.pooling import LPPool1d as LPPool1d
from refnet.nn.modules.pooling import LPPool2d as LPPool2d
from refnet.nn.modules.pooling import LPPool3d as LPPool3d
from refnet.nn.modules.pooling import MaxPool1d as MaxPool1d
from refnet.nn.modules.pooling import MaxPool2d as MaxPool2d
from refnet.nn.modules.pooling import MaxPool3d as MaxPool3d
from refnet.nn.modules.pooling import MaxUnpool1d as MaxUnpool1d
from refnet.nn.modules.pooling import MaxUnpool2d as MaxUnpool2d
from refnet.nn.modules.pooling import MaxUnpool3d as MaxUnpool3d
from refnet.nn.modules.rectifier import Hardshrink as Hardshrink
from refnet.nn.modules.rectifier import Hardsigmoid as Hardsigmoid
from refnet.nn.modules.rectifier import Hardswish as Hardswish
from refnet.nn.modules.rectifier import PReLU as PReLU
from refnet.nn.modules.rectifier import RReLU as RReLU
from refnet.nn.modules.rectifier import Softshrink as Softshrink
from refnet.nn.modules.rnn import GRU as GRU
from refnet.nn.modules.rnn import LSTM as LSTM
from refnet.nn.modules.rnn import RNN as RNN
from refnet.nn.modules.rnn import GRUCell as GRUCell
from refnet.nn.modules.rnn import LSTMCell as LSTMCell
from refnet.nn.modules.rnn import RNNBase as RNNBase
from refnet.nn.modules.rnn import RNNCell as RNNCell
from refnet.nn.modules.rnn import RNNCellBase as RNNCellBase
from refnet.nn.modules.sparse import Embedding as Embedding
from refnet.nn.modules.sparse import EmbeddingBag as EmbeddingBag
from refnet.nn.modules.transformer import Transformer as Transformer
from refnet.nn.modules.transformer import TransformerDecoder as TransformerDecoder
from refnet.nn.modules.transformer import TransformerDecoderLayer as TransformerDecoderLayer
from refnet.nn.modules.transformer import TransformerEncoder as TransformerEncoder
from refnet.nn.modules.transformer import TransformerEncoderLayer as TransformerEncoderLayer
from refnet.nn.modules.upsampling import Upsample as Upsample
from refnet.nn.modules.upsampling import UpsamplingBilinear2d as UpsamplingBilinear2d
from refnet.nn.modules.upsampling import UpsamplingNearest2d as UpsamplingNearest2d

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveLogSoftmaxWithLoss",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "CTCLoss",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "CrossMapLRN2d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "Flatten",
    "Fold",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LSTMCell",
    "LayerNorm",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LazyModuleMixin",
    "LeakyReLU",
    "Linear",
    "LinearCrossEntropyLoss",
    "LinearCrossEntropyOptions",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "RMSNorm",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "Registration",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
    "clear_grad",
    "indented",
    "pairs",
    "position",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
