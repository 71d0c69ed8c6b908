"""GPUs through cupy, under the names of torch.cuda: devices, streams, memory, generators, captured graphs.

Importing it costs nothing and needs no GPU: cupy is loaded by the first call that needs one, which says what is missing.
`docs/gpu.md` tells how tensors get there and how to capture a training step.
"""

from refnet.cuda.callables import make_graphed_callables as make_graphed_callables
from refnet.cuda.devices import can_device_access_peer as can_device_access_peer
from refnet.cuda.devices import current_device as current_device
from refnet.cuda.devices import device as device
from refnet.cuda.devices import device_count as device_count
from refnet.cuda.devices import device_of as device_of
from refnet.cuda.devices import get_device_capability as get_device_capability
from refnet.cuda.devices import get_device_name as get_device_name
from refnet.cuda.devices import get_device_properties as get_device_properties
from refnet.cuda.devices import init as init
from refnet.cuda.devices import is_available as is_available
from refnet.cuda.devices import is_bf16_supported as is_bf16_supported
from refnet.cuda.devices import is_initialized as is_initialized
from refnet.cuda.devices import set_device as set_device
from refnet.cuda.devices import synchronize as synchronize
from refnet.cuda.graphs import CUDAGraph as CUDAGraph
from refnet.cuda.graphs import graph as graph
from refnet.cuda.graphs import is_current_stream_capturing as is_current_stream_capturing
from refnet.cuda.memory import empty_cache as empty_cache
from refnet.cuda.memory import max_memory_allocated as max_memory_allocated
from refnet.cuda.memory import max_memory_reserved as max_memory_reserved
from refnet.cuda.memory import mem_get_info as mem_get_info
from refnet.cuda.memory import memory_allocated as memory_allocated
from refnet.cuda.memory import memory_reserved as memory_reserved
from refnet.cuda.memory import memory_stats as memory_stats
from refnet.cuda.memory import reset_max_memory_allocated as reset_max_memory_allocated
from refnet.cuda.memory import reset_peak_memory_stats as reset_peak_memory_stats
from refnet.cuda.memory import set_per_process_memory_fraction as set_per_process_memory_fraction
from refnet.cuda.pools import graph_pool_handle as graph_pool_handle
from refnet.cuda.random import get_rng_state as get_rng_state
from refnet.cuda.random import get_rng_state_all as get_rng_state_all
from refnet.cuda.random import initial_seed as initial_seed
from refnet.cuda.random import manual_seed as manual_seed
from refnet.cuda.random import manual_seed_all as manual_seed_all
from refnet.cuda.random import seed as seed
from refnet.cuda.random import seed_all as seed_all
from refnet.cuda.random import set_rng_state as set_rng_state
from refnet.cuda.random import set_rng_state_all as set_rng_state_all
from refnet.cuda.step import CapturedStep as CapturedStep
from refnet.cuda.step import captured_step as captured_step
from refnet.cuda.streams import Event as Event
from refnet.cuda.streams import ExternalStream as ExternalStream
from refnet.cuda.streams import Stream as Stream
from refnet.cuda.streams import StreamContext as StreamContext
from refnet.cuda.streams import current_stream as current_stream
from refnet.cuda.streams import default_stream as default_stream
from refnet.cuda.streams import set_stream as set_stream
from refnet.cuda.streams import stream as stream
