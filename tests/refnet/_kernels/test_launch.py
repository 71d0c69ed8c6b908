"""What holds for every kernel: somebody calls it, and the operations take it, switch it off, and fall back."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
from on_host import needs_compiler

import refnet
from conformance import standin
from conformance.standin import kernels as on_host
from refnet._kernels import launch
from refnet._ops import conv, exponential
from refnet._tape import Primitive

pytestmark = needs_compiler


def test_every_kernel_has_a_caller() -> None:
    callers = "\n".join(path.read_text() for path in launch._FOLDER.parent.rglob("*.py"))
    for family in launch.families():
        for name in launch.names(family):
            short = re.sub("_(threads|blocks)$", "", name)
            assert f'"{name}"' in callers or f'"{short}"' in callers, f"{family}.cu: nothing calls {name}"


def test_kernels_do_not_hurry() -> None:
    """No option trades accuracy for speed, and no kernel depends on the order of blocks."""
    assert not [option for option in launch.OPTIONS if "fast" in option or "ftz" in option or "prec" in option]
    for family in launch.families():
        assert "atomic" not in launch.source(family)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels launched since, in the order."""
    names: list[str] = []
    run = on_host.RawKernel.__call__

    def called(self: Any, *args: Any, **options: Any) -> None:
        names.append(self.name.partition("<")[0])
        run(self, *args, **options)

    monkeypatch.setattr(on_host.RawKernel, "__call__", called)
    return names


def test_a_kernel_runs_forward_and_backward(launched: list[str]) -> None:
    with standin.installed():
        x = refnet.tensor([0.5, -1.0], device="cuda", requires_grad=True)
        (x.tanh() * refnet.tensor([1.0, 2.0], device="cuda")).sum().backward()
        assert launched == ["tanh_forward", "tanh_backward"]
        expected = (1 - np.tanh([0.5, -1.0]) ** 2) * [1, 2]
        np.testing.assert_allclose(x.grad.cpu().numpy(), expected.astype("float32"), rtol=1e-6)


@pytest.mark.parametrize("switch", [lambda: exponential.tanh.using("array"), refnet.backends.array_forms])
def test_kernels_can_be_switched_off(switch: Any, launched: list[str]) -> None:
    with standin.installed(), switch():
        x = refnet.tensor([0.5, -1.0], device="cuda", requires_grad=True)
        (x.tanh() * refnet.tensor([1.0, 2.0], device="cuda")).sum().backward()
        assert not launched and x.grad is not None
    with standin.installed():
        refnet.ones(3, device="cuda").tanh()
    assert launched == ["tanh_forward"], "after the block kernels run again"


def test_default_is_the_kernel_and_other_variants_are_themselves(launched: list[str]) -> None:
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    with standin.installed():
        x, w = refnet.ones(1, 1, 3, 3, device="cuda"), refnet.ones(1, 1, 2, 2, device="cuda")
        for variant in conv.conv.variants:
            with conv.conv.using(variant):
                assert conv.conv(x, w, **options).cpu().tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
    assert launched == ["convolve"]


def test_the_cpu_has_no_kernels(launched: list[str]) -> None:
    x = refnet.ones(3, requires_grad=True)
    x.tanh().sum().backward()
    with exponential.tanh.using("array"):
        x.tanh()
    assert not launched


def test_half_types_and_odd_layouts_fall_back(launched: list[str]) -> None:
    with standin.installed():
        half = refnet.ones(4, 4, device="cuda", dtype=refnet.float16)
        turned = refnet.ones(4, 6, device="cuda").T
        np.testing.assert_allclose(turned.tanh().cpu().numpy(), np.tanh(np.ones((6, 4), "float32")), rtol=1e-6)
        assert not launched
        assert half.tanh().dtype is refnet.float16  # computed in float32, by the kernel, and rounded once
        assert launched == ["tanh_forward"]


def test_recorded_gradients_go_by_the_rules(launched: list[str]) -> None:
    with standin.installed():
        x = refnet.tensor([0.5], device="cuda", requires_grad=True, dtype=refnet.float64)
        (slope,) = refnet.autograd.grad(x.tanh(), x, create_graph=True)
        assert launched == ["tanh_forward"]
        (second,) = refnet.autograd.grad(slope, x)
        t = np.tanh(0.5)
        np.testing.assert_allclose(second.cpu().numpy(), [-2 * t * (1 - t * t)], rtol=1e-14)


# --- gradients that a leaf keeps ----------------------------------------------------------------------------------------


def test_a_gradient_made_for_a_leaf_is_not_shared() -> None:
    with standin.installed():
        x = refnet.ones(3, device="cuda", requires_grad=True)
        y = refnet.ones(3, device="cuda", requires_grad=True)
        kept: list[Any] = []
        y.register_hook(kept.append)
        (x.tanh() + y.tanh()).sum().backward()
        assert x.grad._made_for is None, "the leaf and its gradient must not refer to each other"
        assert kept[0] is not y.grad, "a gradient that a hook has seen is copied"
        first = x.grad
        x.tanh().sum().backward()
        assert x.grad is first, "the second gradient is added in place"


def test_a_gradient_that_is_returned_belongs_to_the_caller() -> None:
    with standin.installed():
        x = refnet.ones(3, device="cuda", requires_grad=True)
        (g,) = refnet.autograd.grad(x.tanh().sum(), x)
        assert g._made_for is None
        x.backward(g)
        assert x.grad is not g


def test_two_leaves_never_share_a_gradient() -> None:
    with standin.installed():
        x = refnet.ones(3, device="cuda", requires_grad=True)
        y = refnet.ones(3, device="cuda", requires_grad=True)
        (x + y).tanh().sum().backward()
        x.grad.zero_()
        assert y.grad.abs().sum().item() > 0


def test_every_operation_with_a_kernel_has_the_array_form_too() -> None:
    modules = [vars(module) for module in (conv, exponential)]
    operations = {op for op in itertools.chain(*[m.values() for m in modules]) if isinstance(op, Primitive)}
    for op in operations:
        if op.gpu or op.gpu_joint:
            assert op.variants["array"].func is op.forward
