"""Functions of neural networks, by family, under torch.nn.functional's names."""

from refnet.nn.functional.activation import celu as celu
from refnet.nn.functional.activation import celu_ as celu_
from refnet.nn.functional.activation import elu as elu
from refnet.nn.functional.activation import elu_ as elu_
from refnet.nn.functional.activation import gelu as gelu
from refnet.nn.functional.activation import glu as glu
from refnet.nn.functional.activation import gumbel_softmax as gumbel_softmax
from refnet.nn.functional.activation import hardtanh as hardtanh
from refnet.nn.functional.activation import hardtanh_ as hardtanh_
from refnet.nn.functional.activation import leaky_relu as leaky_relu
from refnet.nn.functional.activation import leaky_relu_ as leaky_relu_
from refnet.nn.functional.activation import log_softmax as log_softmax
from refnet.nn.functional.activation import logsigmoid as logsigmoid
from refnet.nn.functional.activation import mish as mish
from refnet.nn.functional.activation import relu as relu
from refnet.nn.functional.activation import relu6 as relu6
from refnet.nn.functional.activation import relu_ as relu_
from refnet.nn.functional.activation import selu as selu
from refnet.nn.functional.activation import selu_ as selu_
from refnet.nn.functional.activation import sigmoid as sigmoid
from refnet.nn.functional.activation import silu as silu
from refnet.nn.functional.activation import softmax as softmax
from refnet.nn.functional.activation import softmin as softmin
from refnet.nn.functional.activation import softplus as softplus
from refnet.nn.functional.activation import softsign as softsign
from refnet.nn.functional.activation import tanh as tanh
from refnet.nn.functional.activation import tanhshrink as tanhshrink
from refnet.nn.functional.activation import threshold as threshold
from refnet.nn.functional.activation import threshold_ as threshold_
from refnet.nn.functional.attention import multi_head_attention_forward as multi_head_attention_forward
from refnet.nn.functional.attention import scaled_dot_product_attention as scaled_dot_product_attention
from refnet.nn.functional.bilinear import bilinear as bilinear
from refnet.nn.functional.conv import conv1d as conv1d
from refnet.nn.functional.conv import conv2d as conv2d
from refnet.nn.functional.conv import conv3d as conv3d
from refnet.nn.functional.conv import conv_tbc as conv_tbc
from refnet.nn.functional.conv import conv_transpose1d as conv_transpose1d
from refnet.nn.functional.conv import conv_transpose2d as conv_transpose2d
from refnet.nn.functional.conv import conv_transpose3d as conv_transpose3d
from refnet.nn.functional.conv import pad as pad
from refnet.nn.functional.ctc import ctc_loss as ctc_loss
from refnet.nn.functional.distance import cosine_similarity as cosine_similarity
from refnet.nn.functional.distance import pairwise_distance as pairwise_distance
from refnet.nn.functional.distance import pdist as pdist
from refnet.nn.functional.dropout import alpha_dropout as alpha_dropout
from refnet.nn.functional.dropout import dropout as dropout
from refnet.nn.functional.dropout import dropout1d as dropout1d
from refnet.nn.functional.dropout import dropout2d as dropout2d
from refnet.nn.functional.dropout import dropout3d as dropout3d
from refnet.nn.functional.dropout import feature_alpha_dropout as feature_alpha_dropout
from refnet.nn.functional.fractional import fractional_max_pool2d as fractional_max_pool2d
from refnet.nn.functional.fractional import fractional_max_pool3d as fractional_max_pool3d
from refnet.nn.functional.grouped import grouped_mm as grouped_mm
from refnet.nn.functional.interpolate import interpolate as interpolate
from refnet.nn.functional.interpolate import upsample as upsample
from refnet.nn.functional.interpolate import upsample_bilinear as upsample_bilinear
from refnet.nn.functional.interpolate import upsample_nearest as upsample_nearest
from refnet.nn.functional.layer_norm import group_norm as group_norm
from refnet.nn.functional.layer_norm import layer_norm as layer_norm
from refnet.nn.functional.layer_norm import rms_norm as rms_norm
from refnet.nn.functional.likelihood import gaussian_nll_loss as gaussian_nll_loss
from refnet.nn.functional.likelihood import kl_div as kl_div
from refnet.nn.functional.likelihood import poisson_nll_loss as poisson_nll_loss
from refnet.nn.functional.linear import linear as linear
from refnet.nn.functional.linear_cross_entropy import linear_cross_entropy as linear_cross_entropy
from refnet.nn.functional.local_norm import local_response_norm as local_response_norm
from refnet.nn.functional.local_norm import normalize as normalize
from refnet.nn.functional.loss import binary_cross_entropy as binary_cross_entropy
from refnet.nn.functional.loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from refnet.nn.functional.loss import cross_entropy as cross_entropy
from refnet.nn.functional.loss import huber_loss as huber_loss
from refnet.nn.functional.loss import l1_loss as l1_loss
from refnet.nn.functional.loss import mse_loss as mse_loss
from refnet.nn.functional.loss import nll_loss as nll_loss
from refnet.nn.functional.loss import smooth_l1_loss as smooth_l1_loss
from refnet.nn.functional.margin import multi_margin_loss as multi_margin_loss
from refnet.nn.functional.margin import multilabel_margin_loss as multilabel_margin_loss
from refnet.nn.functional.margin import multilabel_soft_margin_loss as multilabel_soft_margin_loss
from refnet.nn.functional.margin import soft_margin_loss as soft_margin_loss
from refnet.nn.functional.metric import cosine_embedding_loss as cosine_embedding_loss
from refnet.nn.functional.metric import hinge_embedding_loss as hinge_embedding_loss
from refnet.nn.functional.metric import margin_ranking_loss as margin_ranking_loss
from refnet.nn.functional.metric import triplet_margin_loss as triplet_margin_loss
from refnet.nn.functional.metric import triplet_margin_with_distance_loss as triplet_margin_with_distance_loss
from refnet.nn.functional.normalization import batch_norm as batch_norm
from refnet.nn.functional.normalization import instance_norm as instance_norm
from refnet.nn.functional.pooling import adaptive_avg_pool1d as adaptive_avg_pool1d
from refnet.nn.functional.pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
from refnet.nn.functional.pooling import adaptive_avg_pool3d as adaptive_avg_pool3d
from refnet.nn.functional.pooling import adaptive_max_pool1d as adaptive_max_pool1d
from refnet.nn.functional.pooling import adaptive_max_pool2d as adaptive_max_pool2d
from refnet.nn.functional.pooling import adaptive_max_pool3d as adaptive_max_pool3d
from refnet.nn.functional.pooling import avg_pool1d as avg_pool1d
from refnet.nn.functional.pooling import avg_pool2d as avg_pool2d
from refnet.nn.functional.pooling import avg_pool3d as avg_pool3d
from refnet.nn.functional.pooling import lp_pool1d as lp_pool1d
from refnet.nn.functional.pooling import lp_pool2d as lp_pool2d
from refnet.nn.functional.pooling import lp_pool3d as lp_pool3d
from refnet.nn.functional.pooling import max_pool1d as max_pool1d
from refnet.nn.functional.pooling import max_pool2d as max_pool2d
from refnet.nn.functional.pooling import max_pool3d as max_pool3d
from refnet.nn.functional.pooling import max_unpool1d as max_unpool1d
from refnet.nn.functional.pooling import max_unpool2d as max_unpool2d
from refnet.nn.functional.pooling import max_unpool3d as max_unpool3d
from refnet.nn.functional.rectifier import hardshrink as hardshrink
from refnet.nn.functional.rectifier import hardsigmoid as hardsigmoid
from refnet.nn.functional.rectifier import hardswish as hardswish
from refnet.nn.functional.rectifier import prelu as prelu
from refnet.nn.functional.rectifier import rrelu as rrelu
from refnet.nn.functional.rectifier import rrelu_ as rrelu_
from refnet.nn.functional.rectifier import softshrink as softshrink
from refnet.nn.functional.sparse import embedding as embedding
from refnet.nn.functional.sparse import embedding_bag as embedding_bag
from refnet.nn.functional.sparse import one_hot as one_hot
from refnet.nn.functional.vision import affine_grid as affine_grid
from refnet.nn.functional.vision import channel_shuffle as channel_shuffle
from refnet.nn.functional.vision import fold as fold
from refnet.nn.functional.vision import grid_sample as grid_sample
from refnet.nn.functional.vision import pixel_shuffle as pixel_shuffle
from refnet.nn.functional.vision import pixel_unshuffle as pixel_unshuffle
from refnet.nn.functional.vision import unfold as unfold
from refnet.nn.functional.with_indices import adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices
from refnet.nn.functional.with_indices import adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices
from refnet.nn.functional.with_indices import adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices
from refnet.nn.functional.with_indices import fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices
from refnet.nn.functional.with_indices import fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices
from refnet.nn.functional.with_indices import max_pool1d_with_indices as max_pool1d_with_indices
from refnet.nn.functional.with_indices import max_pool2d_with_indices as max_pool2d_with_indices
from refnet.nn.functional.with_indices import max_pool3d_with_indices as max_pool3d_with_indices

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "grouped_mm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
