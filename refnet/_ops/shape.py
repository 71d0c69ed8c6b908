"""Shapes: everything that moves numbers without changing them, under one name.

`views` has what shares memory, `strides` the views by strides, `split` the pieces, `cat` the joined, `rearrange` what
is copied into another order. Each primitive is linear, so its gradient rule is its adjoint.
"""

from refnet._ops.cat import cat as cat
from refnet._ops.cat import stack as stack
from refnet._ops.rearrange import flip as flip
from refnet._ops.rearrange import pad_constant as pad_constant
from refnet._ops.rearrange import repeat as repeat
from refnet._ops.rearrange import reversed_dims as reversed_dims
from refnet._ops.rearrange import roll as roll
from refnet._ops.rearrange import rolled as rolled
from refnet._ops.rearrange import tile as tile
from refnet._ops.rearrange import triangle as triangle
from refnet._ops.rearrange import tril as tril
from refnet._ops.rearrange import triu as triu
from refnet._ops.split import chunk as chunk
from refnet._ops.split import split as split
from refnet._ops.split import unbind as unbind
from refnet._ops.strides import as_strided as as_strided
from refnet._ops.strides import memory_offsets as memory_offsets
from refnet._ops.strides import view_index as view_index
from refnet._ops.views import basic_index as basic_index
from refnet._ops.views import basic_unindex as basic_unindex
from refnet._ops.views import broadcast as broadcast
from refnet._ops.views import copy as copy
from refnet._ops.views import expand as expand
from refnet._ops.views import flatten as flatten
from refnet._ops.views import movedim as movedim
from refnet._ops.views import narrow as narrow
from refnet._ops.views import new_dim as new_dim
from refnet._ops.views import permute as permute
from refnet._ops.views import permute_dims as permute_dims
from refnet._ops.views import reshape as reshape
from refnet._ops.views import select as select
from refnet._ops.views import squeeze as squeeze
from refnet._ops.views import t as t
from refnet._ops.views import transpose as transpose
from refnet._ops.views import unflatten as unflatten
from refnet._ops.views import unsqueeze as unsqueeze
from refnet._ops.views import view as view
