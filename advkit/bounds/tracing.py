"""Trace an unmodified module by torch.fx into a list of steps with known bounds."""

import logging
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from advkit.bounds.affine import Affine, Shape, scaling
from advkit.bounds.curves import Curve
from advkit.bounds.max_pooling import Highest
from advkit.bounds.operators import FORMS, Call, rule_of
from advkit.errors import InapplicableError, InputError
from advkit.models.classifier import Classifier
from advkit.models.scikit_layers import Decision, Layers
from advkit.models.user_code import own_place

LOG = logging.getLogger("advkit")
DECIDES = "decides by the values of its input, or by its size (if, while, assert)"
COUNTS = "counts, unpacks or loops over its input, or the shape of it"
WHY = {"iterated": COUNTS, "'len'": COUNTS, "control flow": DECIDES}
"""What the net does for which torch.fx raises this message; the first match counts."""


class Step(NamedTuple):
    """One operator: its name, its rule, the indices of its inputs, its shape."""

    name: str
    rule: Affine | Curve | Highest | None
    inputs: tuple[int, ...]
    shape: Shape


Graph = list[Step]
"""The steps in order: the first is the input (``rule`` None), the last are the logits."""


def trace(model: Classifier, shape: Shape, dtype: torch.dtype | None = None) -> Graph:
    """Return the steps of ``model`` for images of ``shape``, including its normalisation.

    Raises InputError, which names the operator, for a model that cannot be bounded, or whose
    weights are not of the ``dtype`` of the images, unless it is from scikit-learn (`plain`).
    """
    check_white(model)
    net = plain(model)
    sample = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)).to(weights_of(net))
    if dtype not in (None, sample.dtype) and net is model.net:
        types = [str(each).removeprefix("torch.") for each in (sample.dtype, dtype)]
        raise refused(model, f"its weights are {types[0]}, and bounds are computed in {types[1]}")
    with torch.no_grad():
        logits = model(sample)  # sets the memory layout that the net supports
    try:
        traced = fx.symbolic_trace(net)
        recorder = _Recorder(traced)
        with torch.no_grad():
            recorder.run(model._normalise(sample))
    except Exception as error:  # whatever the user's code raises for symbolic values
        LOG.debug("torch.fx cannot trace %s: %r", model.name, error)
        raise refused(model, _untraced(error)) from error
    graph: Graph = [Step("input", None, (), shape)]
    _add_normalisation(graph, model)
    places: dict[fx.Node, int] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            places[node] = len(graph) - 1
        elif node.op == "output":
            return _checked(_up_to(graph, node, places, model), sample, logits, model)
        elif _is_map(recorder.seen[node]) and any(each in places for each in node.all_input_nodes):
            graph.append(_step(node, recorder.seen, traced, places, model))
            places[node] = len(graph) - 1
    raise refused(model, "it has no output")


def check_white(model: Classifier) -> None:
    """Raise InapplicableError for a black box, whose steps are unknown."""
    if model.black_box:
        raise InapplicableError(
            f"no bounds for the model {model.name}: a black box gives only outputs",
            "certify its outputs under noise instead: advkit certify --smooth 0.25",
        )


def _checked(graph: Graph, sample: Tensor, logits: Tensor, model: Classifier) -> Graph:
    """Return ``graph`` if its steps give the model's own logits: hooks are invisible to tracing."""
    found = [sample]
    with torch.no_grad():
        for step in graph[1:]:
            assert step.rule is not None  # noqa: S101
            rule = step.rule.function if isinstance(step.rule, Curve) else step.rule.apply
            found.append(rule(*(found[i] for i in step.inputs)))
    if not torch.allclose(found[-1], logits, rtol=1e-3, atol=1e-4):
        raise refused(model, "its steps give other logits than the model")
    return graph


def _untraced(error: Exception) -> str:
    """Return in plain words why a net cannot be traced."""
    why = f"needs numbers where it is asked without any ({type(error).__name__})"
    why = next((told for said, told in WHY.items() if said in str(error)), why)
    place = own_place(error)
    return f"its steps cannot be listed, as its forward() {why}{f', {place}' if place else ''}"


def refused(model: Classifier, why: str) -> InputError:
    """Return the error for a model that cannot be bounded."""
    return InputError(
        f"no bounds for the model {model.name}: {why}",
        f"bounds are known for {', '.join(FORMS)}",
        code="E316",
    )


def plain(model: Classifier) -> nn.Module:
    """Return the net; of scikit-learn's its layers, which do not convert images to their type.

    Bounds of those are computed in the type of their weights.
    """
    return model.net.plain() if isinstance(model.net, Decision | Layers) else model.net


def weights_of(net: nn.Module) -> Tensor:
    """Return the first parameter of ``net``, for its type and device; a number if it has none."""
    return next(net.parameters(), torch.zeros(()))


class _Recorder(fx.Interpreter):
    """Runs the net and stores the value of every node."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced, garbage_collect_values=False)
        self.seen: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and store its value."""
        self.seen[n] = super().run_node(n)
        return self.seen[n]


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _add_normalisation(graph: Graph, model: Classifier) -> None:
    if model.mean is None and model.std is None:
        return
    shape = graph[0].shape
    tail = (-1, *[1] * (len(shape) - 1))
    std = torch.ones(1) if model.std is None else model.std
    mean = torch.zeros(1) if model.mean is None else model.mean
    bias = (-mean / std).reshape(tail)
    graph.append(Step("normalisation", scaling((1 / std).reshape(tail), bias), (0,), shape))


def _step(
    node: fx.Node,
    seen: dict[fx.Node, Any],
    traced: fx.GraphModule,
    places: dict[fx.Node, int],
    model: Classifier,
) -> Step:
    module = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
    name = _name(node, module)
    values = [seen[each] for each in node.all_input_nodes if each in places]
    args = fx.map_arg(node.args, lambda each: _Place(each) if each in places else seen[each])
    kwargs = fx.map_arg(node.kwargs, lambda each: _Place(each) if each in places else seen[each])
    out = seen[node]
    try:
        if len(out) != 2:
            raise ValueError("it mixes the samples of a batch")
        shapes = tuple(tuple(value.shape[1:]) for value in values)
        call = Call(name, module, tuple(args), dict(kwargs), shapes, tuple(out.shape[1:]), _Place,
                    out)  # fmt: skip
        rule = rule_of(call)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise refused(model, f"the operator {name} ({node.name}): {why}") from error
    return Step(name, rule, tuple(places[each] for each in node.all_input_nodes if each in places),
                tuple(out.shape[1:]))  # fmt: skip


class _Place(NamedTuple):
    """Placeholder in the arguments of an operator for a value that depends on the input."""

    node: fx.Node


def _name(node: fx.Node, module: nn.Module | None) -> str:
    if module is not None:
        return type(module).__name__
    target = node.target
    return target if isinstance(target, str) else getattr(target, "__name__", str(target))


def _up_to(graph: Graph, node: fx.Node, places: dict[fx.Node, int], model: Classifier) -> Graph:
    (found,) = node.args
    if not isinstance(found, fx.Node) or found not in places:
        raise refused(model, "it does not return one tensor that depends on the image")
    if len(graph[places[found]].shape) != 1:
        raise refused(model, "it does not return logits (n, n_classes)")
    return graph[: places[found] + 1]
