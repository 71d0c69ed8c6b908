"""Put the weights of convolutions in another memory format."""

from refnet._memory_format import memory_format as MemoryFormat
from refnet.nn.modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from refnet.nn.modules.module import Module


def convert_conv2d_weight_memory_format(module: Module, memory_format: MemoryFormat) -> Module:
    """Lay the weights of all 2-d convolutions in `module` out in `memory_format`; returns the module."""
    return _converted(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Module, memory_format: MemoryFormat) -> Module:
    """Lay the weights of all 3-d convolutions in `module` out in `memory_format`; returns the module."""
    return _converted(module, (Conv3d, ConvTranspose3d), memory_format)


def _converted(module: Module, kinds: tuple[type[Module], ...], memory_format: MemoryFormat) -> Module:
    for layer in module.modules():
        if isinstance(layer, kinds):
            weight = layer.get_parameter("weight")
            weight.data = weight.detach().clone(memory_format=memory_format)
    return module
