"""The graph: what it holds, when it dies, what it refuses."""

import gc
import threading
import weakref

import numpy as np
import pytest

import refnet


@pytest.fixture
def no_collector():
    """Only reference counts free memory inside the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values, dtype=refnet.float64):
    return refnet.tensor(list(values), dtype=dtype, requires_grad=True)


class Exp(refnet.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


GRAPHS = {
    "chain": lambda x: x.tanh().exp().sum(),
    "saved output": lambda x: x.exp(),
    "in place": lambda x: (x * 2).tanh_().mul_(x),
    "view written": lambda x: (lambda y: (y[:1].mul_(3), y)[1])(x * 2),
    "several outputs": lambda x: refnet.var_mean(x)[0],
    "function": Exp.apply,
    "gradient of a gradient": lambda x: refnet.autograd.grad((x**3).sum(), x, create_graph=True)[0],
    "indexing": lambda x: x[[0, 0]] * x[0],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_dies_by_reference_count(no_collector, name):
    x = leaf(0.5, 2.0)
    out = GRAPHS[name](x)
    tensor, node = weakref.ref(out), weakref.ref(out.grad_fn)
    del out
    assert tensor() is None
    assert node() is None


def test_backward_frees_saved_tensors_and_a_second_one_says_so():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_a_graph_that_saved_nothing_runs_backward_again():
    x = leaf(1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_20000_deep():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1
    (g,) = refnet.autograd.grad(y, x)
    assert g.tolist() == [1.0]
    del y


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_any_order(order):
    x = leaf(0.3, 0.7)
    y = x**5
    factor = 1.0
    for k in range(order):
        (y,) = refnet.autograd.grad(y.sum(), x, create_graph=True)
        factor *= 5 - k
    np.testing.assert_allclose(y.detach().numpy(), factor * x.detach().numpy() ** (5 - order), rtol=1e-14)


def test_nodes_off_the_path_are_not_run():
    x, w = leaf(1.0), leaf(2.0)
    ran = []
    side = (w * 3).exp()
    side.register_hook(lambda g: ran.append("side"))
    refnet.autograd.grad((x * 2 + side).sum(), x)
    assert ran == []


def test_hooks_see_the_whole_gradient_once_and_may_replace_it():
    x = leaf(1.0, 2.0)
    seen = []
    h = x * 1
    h.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    h.retain_grad()
    (h * 2 + h * 3).sum().backward()
    assert seen == [[5.0, 5.0], [50.0, 50.0]]
    assert h.grad.tolist() == [50.0, 50.0]
    handle.remove()
    x.sum().backward()
    assert len(seen) == 2
    assert x.grad.tolist() == [51.0, 51.0]


def test_a_hook_that_changes_the_shape_is_refused():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match=r"hook has changed.*\[\].*\[2\]"):
        x.sum().backward()


def test_post_accumulate_hook_runs_after_grad_is_there():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 3).backward()
    assert seen == [3.0]


def test_node_hooks():
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 10,))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + outputs[0], None))
    y.backward()
    assert x.grad.item() == 30.0


def test_grad_fn_is_readable():
    x = leaf(1.0)
    y = x.tanh() * x
    assert y.grad_fn.name() == "MulBackward0"
    assert [f.name() for f, _ in y.grad_fn.next_functions] == [
        "TanhBackward0",
        "struct torch::autograd::AccumulateGrad",
    ]


def test_a_rule_of_the_wrong_shape_names_operation_expected_and_got():
    class Wrong(refnet.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return refnet.ones(5)

    with pytest.raises(RuntimeError, match=r"WrongBackward0.*\[5\].*\[2\]"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


SAVED = {
    "output": lambda x: (x.exp(), lambda y: y.add_(1)),
    "input": lambda x: ((h := x * 1) * h, lambda y: h_of(y).add_(1)),
}


def h_of(product):
    """The tensor that a product saved."""
    return product.grad_fn.saved["x"]


@pytest.mark.parametrize("name", SAVED)
def test_overwriting_what_was_saved_is_detected(name):
    out, spoil = SAVED[name](leaf(1.0, 2.0))
    spoil(out)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*is at version 1; expected version 0"):
        out.sum().backward()


def test_views_share_a_version():
    x = refnet.zeros(4)
    view = x[1:3]
    view.add_(1)
    assert x._version == view._version == 1
    assert x.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_modes_belong_to_the_thread():
    seen = []
    with refnet.no_grad():
        thread = threading.Thread(target=lambda: seen.append(refnet.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not refnet.is_grad_enabled()
    assert seen == [True]


def test_modes_nest_and_decorate():
    @refnet.no_grad()
    def quiet(x):
        return (x * 2).requires_grad

    @refnet.inference_mode()
    def inferred(x):
        return x * 2

    @refnet.no_grad
    def generator(x):
        yield (x * 2).requires_grad

    x = leaf(1.0)
    assert not quiet(x)
    assert list(generator(x)) == [False]
    assert inferred(x).is_inference()
    with refnet.no_grad(), refnet.enable_grad():
        assert (x * 2).requires_grad
    with refnet.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert refnet.is_grad_enabled()


def test_inference_tensors_take_no_part_in_graphs():
    with refnet.inference_mode():
        y = refnet.ones(2)
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        y.add_(1)
    assert (x + y).requires_grad


def test_unused_input():
    x, w = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        refnet.autograd.grad(x * 2, w)
    assert refnet.autograd.grad(x * 2, w, allow_unused=True) == (None,)
    assert refnet.autograd.grad(x * 2, w, materialize_grads=True)[0].item() == 0.0


def test_variants_are_chosen_by_scope():
    x, w = refnet.ones(1, 1, 4, 4), refnet.ones(1, 1, 3, 3)
    fast = refnet.nn.functional.conv2d(x, w)
    with refnet.backends.conv2d.using("naive"):
        assert refnet.nn.functional.conv2d(x, w).tolist() == fast.tolist()
    with pytest.raises(ValueError, match="no variant 'magic'.*naive"), refnet.backends.conv2d.using("magic"):
        pass
