"""Automatic differentiation for users: gradients, recording modes, custom functions, derivatives, checks."""

from refnet._engine import backward as backward
from refnet._engine import grad as grad
from refnet.autograd import functional as functional
from refnet.autograd.function import Function as Function
from refnet.autograd.function import FunctionCtx as FunctionCtx
from refnet.autograd.grad_mode import enable_grad as enable_grad
from refnet.autograd.grad_mode import inference_mode as inference_mode
from refnet.autograd.grad_mode import no_grad as no_grad
from refnet.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from refnet.autograd.gradcheck import GradcheckError as GradcheckError
from refnet.autograd.gradcheck import gradcheck as gradcheck
from refnet.autograd.gradcheck import gradgradcheck as gradgradcheck
