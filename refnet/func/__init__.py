"""Functions of functions: a module as a function of its parameters, and derivatives of functions of tensors.

>>> import refnet
>>> refnet.func.grad(lambda x: (x**2).sum())(refnet.tensor([1.0, 2.0]))
tensor([2., 4.])
"""

from refnet.func.derivatives import grad as grad
from refnet.func.derivatives import grad_and_value as grad_and_value
from refnet.func.derivatives import jvp as jvp
from refnet.func.derivatives import vjp as vjp
from refnet.func.modules import functional_call as functional_call
from refnet.func.modules import stack_module_state as stack_module_state

__all__ = ["functional_call", "grad", "grad_and_value", "jvp", "stack_module_state", "vjp"]
