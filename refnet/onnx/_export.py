"""`export`: from a model and example arguments to an ONNX file."""

import inspect
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import to_numpy
from refnet.creation import from_numpy
from refnet.nn import functional
from refnet.nn.functional import rnn
from refnet.nn.modules.module import Module
from refnet.onnx import _elementwise as _elementwise
from refnet.onnx import _layers as _layers
from refnet.onnx import _normalizing as _normalizing
from refnet.onnx import _rearranging as _rearranging
from refnet.onnx import _recurrent as _recurrent
from refnet.onnx._errors import OnnxExporterError, UnsupportedOperatorError
from refnet.onnx._graph import Graph, Operand
from refnet.onnx._inputs import dynamic_axes as dynamic_axes_of
from refnet.onnx._inputs import named_inputs, other_values, replaced
from refnet.onnx._sizes import Dimension, Runs, Size, refs_in
from refnet.onnx._table import TRANSLATIONS
from refnet.onnx._trace import Ref, record
from refnet.tensor import Tensor

_OLDEST, _USUAL = 18, 20  # opset versions; 18 is the first in which all reductions take their axes as an input


class ONNXProgram:
    """An exported model: `model_proto`, an `onnx.ModelProto`, and how to save and to run it."""

    def __init__(self, model_proto: Any) -> None:
        self.model_proto = model_proto

    def save(self, destination: str | os.PathLike[str] | BinaryIO) -> None:
        """Write the model to a file, or a file object."""
        import onnx

        onnx.save_model(self.model_proto, destination)

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Run the model in ONNX's reference evaluator (slow, for checks): tensors in, tensors out."""
        from onnx.reference import ReferenceEvaluator

        names = [value.name for value in self.model_proto.graph.input]
        given = {name: to_numpy(x._array) for name, x in zip(names, args, strict=True)}
        outputs: Any = ReferenceEvaluator(self.model_proto).run(None, given)
        return tuple([from_numpy(numpy.asarray(out)) for out in outputs])

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        names = [", ".join(value.name for value in values) for values in (graph.input, graph.output)]
        return f"ONNXProgram({names[0]} -> {names[1]}, {len(graph.node)} nodes, {len(graph.initializer)} initializers)"


def export(
    model: Module,
    args: Any = (),
    f: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
) -> ONNXProgram:
    """Translate `model`, in evaluation mode, to ONNX, and write it to the file (or file object) `f` unless that is None.

    - args: the arguments of an example call, a tuple (or the one tensor); kwargs likewise. The model is run with them,
      and with others of the same types, so it must be a function of its inputs: what branches on values is refused.
    - input_names, output_names: by default the names of the arguments of `forward`, and "output", "output_1", ...
    - opset_version: 18 or newer; 20 by default.
    - dynamic_axes: for an input's name, its dimensions of any size: ``{"x": {0: "batch"}}``, or ``{"x": [0]}``.
      Dimensions of one name have one size. Those of the results follow. All other sizes are as in the example.
    - dynamic_shapes: the same in the order of the inputs, ``({0: "batch"},)``, or by the names of the arguments.

    Parameters and buffers become initializers under their names in `state_dict`.

    Raises UnsupportedOperatorError for an operation without a translation, OnnxExporterError for what cannot be traced.
    Needs the package `onnx`.
    """
    check(isinstance(model, Module), lambda: f"export: model must be a Module, got {type(model).__name__}", TypeError)
    args = args if isinstance(args, tuple) else (args,)
    kwargs = dict(kwargs or {})
    version = _USUAL if opset_version is None else opset_version
    check(version >= _OLDEST, lambda: f"opset_version must be {_OLDEST} or higher, got {opset_version}", ValueError)
    inputs = named_inputs(model, args, kwargs, input_names)
    axes = dynamic_axes_of(inputs, dynamic_axes, dynamic_shapes)
    runs = _runs(model, args, kwargs, inputs, axes)
    sources = {name: (source, axis) for source, named in reversed(axes.items()) for axis, name in named.items()}
    graph = Graph(version, sources)
    values = _translate(runs, graph, [name for name, _ in inputs])
    program = ONNXProgram(_finish(runs, graph, values, inputs, output_names, model))
    if f is not None:
        program.save(f)
    return program


# --- the runs -----------------------------------------------------------------------------------------------------------


def _runs(
    model: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    inputs: list[tuple[str, Any]],
    axes: dict[str, dict[int, str]],
) -> Runs:
    """The given call, and others: with other values, and each dynamic dimension in two other sizes."""
    known: dict[str, int] = {}
    for name, tensor in inputs:
        for axis, dimension in axes.get(name, {}).items():
            size = tensor.shape[axis]
            check(
                known.setdefault(dimension, size) == size and size > 0,
                lambda dimension=dimension, size=size: (  # type: ignore[misc]
                    f"export: the dynamic dimension {dimension!r} has sizes {known[dimension]} and {size} in the arguments"
                ),
                ValueError,
            )
    sizes = [known] + [{**known, name: 2 * n + 1} for name, n in known.items()]
    sizes += [{**known, name: n + 3} for name, n in known.items()] or [known]
    functions = _noted_functions()
    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    traces = []
    with _evaluating(model):
        for run, now in enumerate(sizes):
            tensors = [
                (
                    name,
                    tensor.detach().clone()
                    if run == 0
                    else other_values(tensor, {a: now[d] for a, d in axes.get(name, {}).items()}),
                )
                for name, tensor in inputs
            ]
            given = iter([tensor for _, tensor in tensors])
            nest = {name: replaced(value, given) for name, value in bound.arguments.items()}
            call = inspect.BoundArguments(bound.signature, OrderedDict(nest))
            traces.append(record(model, call.args, call.kwargs, tensors, functions))
    return Runs(traces, [Dimension(name, size) for name, size in known.items()], sizes)


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode, and afterwards what every module had."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _noted_functions() -> dict[str, Any]:
    """The functions that are noted as themselves, by their names in `TRANSLATIONS`."""
    found: dict[str, Any] = {}
    for name in TRANSLATIONS:
        if name.startswith("nn.functional."):
            found[name] = getattr(functional, name.rpartition(".")[2])
        elif hasattr(rnn, name) and name not in ("linear", "drop"):
            found[name] = getattr(rnn, name)
        elif name.startswith("Tensor."):
            found[name] = vars(Tensor)[name.removeprefix("Tensor.")]
    return found


# --- translation --------------------------------------------------------------------------------------------------------


class _Values:
    """The operands of a graph, by the numbers of the traced values; constants are made when they are first read."""

    def __init__(self, runs: Runs, graph: Graph) -> None:
        self.runs, self.graph = runs, graph
        self.names: dict[int, str] = {}
        self.varying = _varying(runs)

    def operand(self, number: int) -> Operand:
        value = self.runs.base.values[number]
        if number not in self.names:
            if value.origin == "state":
                self.names[number] = self.graph.initializer(value.name, value.array)
            elif value.origin == "constant" or number not in self.varying:
                self.names[number] = self.graph.made_constant(self.runs.constant(number), "constant")
            else:
                raise OnnxExporterError(f"value {number} is read before it is made")
        return Operand(self.names[number], self.runs.shape(number), _dtype.from_numpy(value.array.dtype))

    def operands(self, value: Any) -> Any:
        """A nest of arguments with operands in place of refs."""
        if isinstance(value, Ref):
            return self.operand(value.number)
        if isinstance(value, tuple):
            return tuple([self.operands(item) for item in value])
        if isinstance(value, dict):
            return {key: self.operands(item) for key, item in value.items()}
        return value


def _translate(runs: Runs, graph: Graph, inputs: list[str]) -> _Values:
    values = _Values(runs, graph)
    for number, name in enumerate(inputs):
        values.names[number] = graph.unique(name)
    used = _used(runs)
    for position, call in enumerate(runs.base.calls):
        if position not in used:
            continue
        graph.module, graph.operation, graph.where = call.module, call.name.rpartition(".")[2], call.where()
        translation = TRANSLATIONS.get(call.name)
        if translation is None:
            if not values.varying.intersection(call.results):
                continue  # computed from parameters alone: its result is a constant
            raise UnsupportedOperatorError(f"{call.where()} has no translation to ONNX")
        arguments = values.operands(runs.arguments(position))
        if arguments.get("out", 0) is None:
            del arguments["out"]
        first = next(result for result in call.results if result is not None)
        kind = _dtype.from_numpy(runs.base.values[first].array.dtype)
        found = translation(graph, Operand("", runs.shape(first), kind), **arguments)
        for result, name in zip(call.results, found if isinstance(found, tuple) else (found,), strict=False):
            if result is not None and name is not None:
                values.names[result] = name
    graph.module = ""
    return values


def _varying(runs: Runs) -> set[int]:
    """The values that depend on an input."""
    varying = {number for number, value in enumerate(runs.base.values) if value.origin == "input"}
    for call in runs.base.calls:
        if varying.intersection(refs_in(call.arguments)):
            varying.update(number for number in call.results if number is not None)
    return varying


def _used(runs: Runs) -> set[int]:
    """The calls on which the result depends."""
    makers = {number: position for position, call in enumerate(runs.base.calls) for number in call.results}
    pending = [makers[number] for number in refs_in(runs.base.output) if number in makers]
    used: set[int] = set()
    while pending:
        position = pending.pop()
        if position not in used:
            used.add(position)
            read = refs_in(runs.base.calls[position].arguments)
            pending += [makers[number] for number in read if number in makers]
    return used


def _finish(
    runs: Runs,
    graph: Graph,
    values: _Values,
    inputs: list[tuple[str, Any]],
    output_names: Sequence[str] | None,
    model: Module,
) -> Any:
    """The ModelProto, checked."""
    import onnx
    from onnx import helper, numpy_helper

    def info(name: str, number: int) -> Any:
        array = runs.base.values[number].array
        shape = [str(size) if isinstance(size, Size) else size for size in runs.shape(number)]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    results = list(refs_in(runs.output()))
    if not results:
        raise OnnxExporterError(f"the model returns no tensor but {runs.base.output!r}")
    names = list(output_names or ())
    names += ["output" if i == 0 else f"output_{i}" for i in range(len(names), len(results))]
    check(
        len(names) == len(results),
        lambda: f"export: {len(names)} output_names for {len(results)} results",
        ValueError,
    )
    renamed: dict[str, str] = {}
    nodes = list(graph.nodes)
    outputs = []
    made = {name for node in nodes for name in node.outputs}
    for wanted, number in zip(names, results, strict=True):
        name = values.operand(number).name
        free = graph.unique(wanted)
        check(free == wanted, lambda wanted=wanted: f"export: the name {wanted!r} is taken", ValueError)  # type: ignore[misc]
        if name in made and name not in renamed:
            renamed[name] = wanted
        else:
            graph.node("Identity", [renamed.get(name, name)])
            renamed[graph.nodes[-1].outputs[0]] = wanted
        outputs.append(info(wanted, number))
    protos = []
    for node in graph.nodes:
        attributes: dict[str, Any] = {
            key: helper.np_dtype_to_tensor_dtype(value) if isinstance(value, numpy.dtype) else value
            for key, value in node.attributes.items()
        }
        read = [renamed.get(name, name) for name in node.inputs]
        written = [renamed.get(name, name) for name in node.outputs]
        protos.append(helper.make_node(node.op, read, written, name=node.outputs[0], **attributes))
    initializers = [numpy_helper.from_array(array, name) for name, array in graph.initializers.items()]
    described = [info(name, number) for number, (name, _) in enumerate(inputs)]
    made_graph = helper.make_graph(protos, type(model).__name__, described, outputs, initializers)
    opset = helper.make_opsetid("", graph.opset)
    proto = helper.make_model_gen_version(made_graph, opset_imports=[opset], producer_name="refnet")
    onnx.checker.check_model(proto, full_check=True)
    return proto
