"""Batches of small images through chains of operations.

Between operations an engine may keep images in a layout of its own. Nobody is to notice: strides, views, writing in
place, hooks, what is saved for backward and the order in which masks are drawn must be as if it did not. Each program
goes from a convolution of a batch to something that could notice.
"""

import copy
import io
from collections.abc import Callable
from typing import Any

from conformance.cases import CHECKS, FORWARD, LAYOUTS, SECOND, Case, args, normal, ops

X, W, B = normal(8, 3, 6, 7), normal(4, 3, 3, 3), normal(4)
Program = Callable[..., Any]


def convolved(torch: Any, x: Any, w: Any, b: Any = None, **geometry: Any) -> Any:
    """The convolution that every chain begins with."""
    return torch.nn.functional.conv2d(x, w, b, **geometry)


def pooled(torch: Any, x: Any, w: Any, b: Any = None, **geometry: Any) -> Any:
    """A chain whose gradient comes back to the convolution in the layout of a pool's."""
    return torch.nn.functional.avg_pool2d(convolved(torch, x, w, b, **geometry).tanh(), (2, 1), ceil_mode=True)


def chain(*steps: str) -> Program:
    """A convolution, then functions of torch.nn.functional or Tensor methods by name."""

    def program(torch: Any, x: Any, w: Any, b: Any) -> Any:
        y = convolved(torch, x, w, b)
        for step in steps:
            y = STEPS[step](torch, y)
        return y

    return program


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda torch, y: y.tanh(),
    "relu": lambda torch, y: torch.relu(y),
    "sigmoid": lambda torch, y: y.sigmoid(),
    "gelu": lambda torch, y: torch.nn.functional.gelu(y),
    "silu": lambda torch, y: torch.nn.functional.silu(y),
    "elu": lambda torch, y: torch.nn.functional.elu(y),
    "leaky": lambda torch, y: torch.nn.functional.leaky_relu(y, 0.1),
    "softplus": lambda torch, y: torch.nn.functional.softplus(y),
    "mean pool": lambda torch, y: torch.nn.functional.avg_pool2d(y, 2),
    "overlapping mean pool": lambda torch, y: torch.nn.functional.avg_pool2d(y, 3, 1, 1),
    "max pool": lambda torch, y: torch.nn.functional.max_pool2d(y, 2),
    "overlapping max pool": lambda torch, y: torch.nn.functional.max_pool2d(y, 3, 1, 1),
    "max pool of rows": lambda torch, y: torch.nn.functional.max_pool2d(y, (3, 1), (2, 3), (1, 0)),
    "max pool, dilated": lambda torch, y: torch.nn.functional.max_pool2d(y, 2, 1, dilation=(1, 2)),
    "max pool of columns": lambda torch, y: torch.nn.functional.max_pool2d(y, (1, 2)),
    "max pool, rounded up": lambda torch, y: torch.nn.functional.max_pool2d(y, 2, 3, ceil_mode=True),
    "batch norm": lambda torch, y: torch.nn.functional.batch_norm(y, None, None, training=True),
    "scaled batch norm": lambda torch, y: torch.nn.functional.batch_norm(
        y, None, None, y[0, :, 0, 0], y[1, :, 1, 1], training=True
    ),
    "fixed norm": lambda torch, y: torch.nn.functional.batch_norm(
        y, torch.linspace(-1, 1, 4, dtype=y.dtype), torch.linspace(1, 2, 4, dtype=y.dtype)
    ),
    "group norm": lambda torch, y: torch.nn.functional.group_norm(y, 2),
    "plus itself": lambda torch, y: y + y.tanh(),
    "times itself": lambda torch, y: y * y.sigmoid(),
    "less its mean": lambda torch, y: y - y.mean((0, 2, 3), keepdim=True),
    "half of it": lambda torch, y: 0.5 * y,
    "squared": lambda torch, y: y**2,
    "where": lambda torch, y: torch.where(y > 0, y, 0.1 * y),
    "clamped": lambda torch, y: y.clamp(-0.5, 0.5),
    "flat": lambda torch, y: y.flatten(1),
    "viewed": lambda torch, y: y.view(y.shape[0], -1),
    "permuted": lambda torch, y: y.permute(0, 2, 3, 1),
    "narrow": lambda torch, y: y[1:5, :2, ::2, 1:],
    "catenated": lambda torch, y: torch.cat([y, y.tanh()], 1),
    "summed": lambda torch, y: y.sum((0, 2)),
    "softmax": lambda torch, y: y.softmax(1),
    "padded": lambda torch, y: torch.nn.functional.pad(y, (1, 2, 0, 1)),
    "turned": lambda torch, y: y.flip(3),
    "doubled": lambda torch, y: y.double().to(y.dtype),
    "copied": lambda torch, y: y.clone(),
    "detached": lambda torch, y: y * y.detach().tanh(),
    "convolved": lambda torch, y: convolved(torch, y, y.new_ones(2, y.shape[1], 3, 3).cumsum(1) / 10, padding=1),
    "convolved at stride 2": lambda torch, y: convolved(
        torch, y, y.new_ones(2, y.shape[1], 2, 2).cumsum(3) / 10, stride=2
    ),
    "convolved to a point": lambda torch, y: convolved(torch, y, y.new_ones(5, *y.shape[1:]).cumsum(2) / 100),
    "convolved by channel": lambda torch, y: convolved(torch, y, y.new_ones(4, 1, 3, 3).cumsum(3) / 10, groups=4),
    "written": lambda torch, y: torch.relu_(y),
    "added in place": lambda torch, y: y.add_(1),
    "written through a view": lambda torch, y: (y.view(-1)[::3].mul_(2), y)[1],
    "channels last": lambda torch, y: y.contiguous(memory_format=torch.channels_last),
}

TOGETHER = [
    ("batch norm", "tanh", "mean pool", "convolved to a point"),
    ("batch norm", "relu", "max pool", "flat"),
    ("relu", "batch norm", "convolved", "mean pool", "tanh"),
    ("tanh", "written", "mean pool"),
    ("mean pool", "added in place", "tanh"),
    ("plus itself", "batch norm", "convolved", "plus itself"),
    ("convolved at stride 2", "batch norm", "convolved", "tanh"),
    ("max pool", "convolved to a point", "tanh", "viewed"),
    ("channels last", "batch norm", "relu", "mean pool"),
]
# input, weight, bias or not, geometry
GEOMETRIES: list[tuple[tuple[int, ...], tuple[int, ...], bool, dict[str, Any]]] = [
    ((8, 1, 6, 7), (6, 1, 5, 5), True, {"padding": 2}),
    ((9, 3, 6, 7), (4, 3, 3, 2), False, {}),
    ((8, 3, 6, 7), (20, 3, 3, 3), True, {"padding": (0, 1)}),
    ((8, 3, 6, 7), (4, 3, 2, 5), True, {"padding": (1, 4)}),
    ((8, 3, 6, 9), (4, 3, 3, 3), True, {"dilation": (1, 3)}),
    ((8, 3, 6, 9), (4, 3, 3, 3), True, {"dilation": 2, "padding": 2}),
    ((8, 3, 6, 7), (4, 3, 3, 3), True, {"padding": 4}),
    ((8, 3, 6, 7), (4, 3, 3, 3), True, {"stride": (1, 2)}),
    ((8, 3, 6, 7), (4, 3, 6, 7), True, {}),
    ((8, 3, 4, 5), (4, 3, 6, 7), True, {"padding": 1}),
    ((16, 5, 9, 40), (12, 5, 3, 3), True, {}),
    ((8, 16, 12, 16), (33, 16, 5, 5), True, {}),
    ((64, 6, 12, 12), (16, 6, 5, 5), True, {}),
]


def seen(torch: Any, x: Any, w: Any, b: Any) -> dict[str, Any]:
    """What can be asked of the result of a convolution and of what comes after it, in many orders."""
    y = convolved(torch, x, w, b)
    z = torch.nn.functional.avg_pool2d(y.tanh(), 2)
    facts = {
        "strides": [list(y.stride()), list(z.stride())],
        "contiguous": [y.is_contiguous(), z.is_contiguous(), z.is_contiguous(memory_format=torch.channels_last)],
        "itself": z.contiguous() is z,
        "shape": [list(z.shape), list(z.size()), z.dim(), z.ndim, z.numel(), len(z), z.element_size()],
        "type": [str(z.dtype).rpartition(".")[2], z.is_floating_point(), z.requires_grad, z.is_leaf],
        "offset": z.storage_offset(),
    }
    u = y.tanh()
    array = u.detach().cpu().numpy()
    facts["array"] = [list(array.shape), bool(array.flags.c_contiguous), array.strides[-1] == array.itemsize]
    v = y.sigmoid()
    facts["saved"] = torch.load(io.BytesIO(saved(torch, v.detach())))
    facts["list"] = torch.tensor(v.tolist(), dtype=x.dtype)
    facts["copy"] = copy.deepcopy(y.detach().tanh())
    with torch.no_grad():
        facts["without a graph"] = torch.nn.functional.avg_pool2d(torch.relu(convolved(torch, x, w, b)), 2)
    return facts


def saved(torch: Any, tensor: Any) -> bytes:
    """A tensor as a file."""
    stream = io.BytesIO()
    torch.save(tensor, stream)
    return stream.getvalue()


def shared_memory(torch: Any, x: Any, w: Any, b: Any) -> dict[str, Any]:
    """Views of a result, made before and after it was used, see what is written into it."""
    with torch.no_grad():
        y = convolved(torch, x, w, b)
        used = y.tanh()
        view, other = y.view(-1), y.detach()
        y.mul_(2)
        again = torch.nn.functional.avg_pool2d(y, 2)
        view[0] = 7
        return {"used": used, "view": view, "detached": other, "again": again, "y": y, "last": y.tanh()}


def twice(torch: Any, x: Any, w: Any, b: Any) -> dict[str, Any]:
    """Hooks, retained gradients, a graph that is walked twice, and a gradient of another layout."""
    x, w, b = (a.detach().requires_grad_() for a in (x, w, b))
    seen: list[Any] = []
    y = convolved(torch, x, w, b)
    y.retain_grad()
    y.register_hook(lambda g: seen.append([list(g.stride()), list(g.shape)]))
    z = torch.nn.functional.batch_norm(y, None, None, training=True).tanh()
    z.register_hook(lambda g: 2 * g)
    out = torch.nn.functional.avg_pool2d(z, 2)
    out.sum().backward(retain_graph=True)
    first = x.grad.clone()
    out.backward(
        torch.linspace(-1, 1, out.numel(), dtype=x.dtype).reshape(out.shape[::-1]).permute(3, 2, 1, 0),
        retain_graph=True,
    )
    (early,) = torch.autograd.grad((z * z.detach()).sum(), y)
    return {"hooked": seen, "kept": y.grad, "first": first, "x": x.grad, "w": w.grad, "b": b.grad, "early": early}


def masks(torch: Any, x: Any, w: Any, b: Any) -> dict[str, Any]:
    """Random masks fall on the same elements, whatever layout the images had."""
    y = convolved(torch, x, w, b)
    functional = torch.nn.functional
    return {
        "dropout": functional.dropout(y.tanh(), 0.4),
        "feature": functional.dropout2d(functional.relu(y), 0.4),
        "alpha": functional.alpha_dropout(y.tanh(), 0.3),
        "noise": torch.rand_like(y.tanh()),
        "rrelu": functional.rrelu(y, training=True),
    }


def special(torch: Any, x: Any, w: Any, b: Any) -> dict[str, Any]:
    """Infinities and nan reach the windows that see them, and no others; a pool's nan takes its gradient."""
    functional = torch.nn.functional
    x = x.clone()
    x[0, 0, 2, 3], x[1, 2, 5, 0], x[2, 1, 0, 6], x[3] = float("inf"), float("nan"), -float("inf"), float("nan")
    y = convolved(torch, x, w, b, padding=1)
    pools = {"mean": functional.avg_pool2d(y, 2), "max": functional.max_pool2d(y, 2), "relu": torch.relu(y)}
    z = convolved(torch, x, w, b).detach().requires_grad_()
    functional.max_pool2d(torch.relu(z), 2).sum().backward()
    return {"y": y, **pools, "gradient": z.grad}


def trained(torch: Any, x: Any, *, eval_after: bool) -> dict[str, Any]:
    """Two steps of a small network, and what it says afterwards."""
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
    ).to(x.dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for step in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x + step), torch.arange(len(x), device=x.device) % 4)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    model.train(not eval_after)
    return {
        "losses": losses,
        "logits": model(x).detach(),
        "mean": model[1].running_mean,
        "variance": model[5].running_var,
    }


# The layouts of inputs are varied in the cases of single operations; here it is the results'.
PLAIN = CHECKS - {LAYOUTS}
FIRST = normal(8, 3, 5, 6)

CASES: list[Case] = [
    case for step in STEPS for case in ops(f"images {step}", [args(FIRST, W, B)], program=chain(step), checks=PLAIN)
]
for steps in TOGETHER:
    CASES += ops(f"images {', '.join(steps)}", [args(X, W, B)], program=chain(*steps), checks=PLAIN - {SECOND})
for x, w, biased, geometry in GEOMETRIES:
    operands = [normal(*x), normal(*w), *([normal(w[0])] if biased else [])]
    CASES += ops("images convolved", [args(*operands, **geometry)], program=convolved, checks=PLAIN)
    CASES += ops("images convolved and pooled", [args(*operands, **geometry)], program=pooled, checks=PLAIN - {SECOND})
for name, program in {"seen": seen, "in shared memory": shared_memory, "twice": twice, "under masks": masks}.items():
    CASES += ops(f"images {name}", [args(X.fixed(), W.fixed(), B.fixed())], program=program, checks=FORWARD - {LAYOUTS})
CASES += ops(
    "images with infinities",
    [args(X.fixed(), W.fixed(), B.fixed())],
    program=special,
    checks=FORWARD - {LAYOUTS},
    exact=True,
)
CASES += ops(
    "images of a network",
    [args(normal(12, 3, 8, 8).fixed(), eval_after=after) for after in (False, True)],
    program=trained,
    checks=FORWARD - {LAYOUTS},
)
