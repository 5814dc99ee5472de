"""Invalid ONNX files: other content, external paths, or operators that onnx2torch lacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import advkit
from advkit.errors import InputError, UnsafeError, UsageError
from advkit.models import load_model

onnx = pytest.importorskip("onnx")
WEIGHTS = np.random.default_rng(0).random((4, 3)).astype(np.float32) - 0.5


def linear(last: str = "Relu", opset: int = 17) -> Any:
    """Return a model of 4 numbers in and 3 logits out, whose last operator is ``last``."""
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node("MatMul", ["x", "w"], ["z"]), make.make_node(last, ["z"], ["logits"])],
        "linear",
        [make.make_tensor_value_info("x", kind, [None, 4])],
        [make.make_tensor_value_info("logits", kind, [None, 3])],
        [onnx.numpy_helper.from_array(WEIGHTS, "w")],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=8)


def no_nodes(model: Any) -> bytes:
    del model.graph.node[:]
    return bytes(model.SerializeToString())


def cut(model: Any) -> bytes:
    return bytes(model.SerializeToString()[:40])


def unknown_operator(model: Any) -> bytes:
    model.graph.node[1].op_type = "NoSuchOperator"
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("broken", [no_nodes, cut, unknown_operator])
def test_what_is_no_model_is_refused(tmp_path: Path, broken: Callable[[Any], bytes]) -> None:
    (tmp_path / "net.onnx").write_bytes(broken(linear()))
    with pytest.raises(InputError, match=r"net\.onnx is not a valid ONNX model"):
        load_model(str(tmp_path / "net.onnx"))


@pytest.mark.parametrize("where", ["../weights.bin", "a/../../weights.bin", "/etc/hostname"])
def test_data_outside_of_the_folder_is_not_opened(tmp_path: Path, where: str) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "inner/a").mkdir(parents=True)
    model = linear()
    (tensor,) = model.graph.initializer
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.external_data[0].value = where
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "inner/net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeError, match="outside of its folder") as caught:
        load_model(str(tmp_path / "inner/net.onnx"))
    assert where in str(caught.value)


def test_an_operator_that_onnx2torch_lacks_makes_a_black_box_that_answers(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(linear("ThresholdedRelu").SerializeToString())
    model, x = load_model(str(tmp_path / "net.onnx")), torch.rand(5, 4)
    wanted = x @ torch.from_numpy(WEIGHTS)
    assert torch.allclose(model(x), wanted * (wanted > 1), atol=1e-6)
    assert model.black_box
    (note,) = model.notes
    assert "without gradients" in note
    assert "opset 17" in note


def test_an_opset_that_onnxruntime_does_not_know_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(linear(opset=9999).SerializeToString())
    with pytest.raises(InputError, match=r"net\.onnx \(opset 9999\)"):
        load_model(str(tmp_path / "net.onnx"))


def test_a_newer_opset_is_converted_by_an_older_one(tmp_path: Path) -> None:
    model = linear(opset=20)
    where, kind = model.graph.node, onnx.TensorProto.FLOAT
    half = onnx.helper.make_tensor("half", kind, [], [0.5])
    where.insert(0, onnx.helper.make_node("Constant", [], ["c"], value=half))
    where[1].output[0], last = "y", onnx.helper.make_node("Mul", ["y", "c"], ["z"])
    where.insert(2, last)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    found, x = load_model(str(tmp_path / "net.onnx")), torch.rand(5, 4)
    assert not found.black_box
    assert torch.allclose(found(x), (x @ torch.from_numpy(WEIGHTS) / 2).relu(), atol=1e-6)


def test_inputs_of_another_type_are_told(tmp_path: Path) -> None:
    model = linear()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(WEIGHTS.astype(np.float16), "w")
    )
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"takes 1 input: x \(float16\)"):
        load_model(str(tmp_path / "net.onnx"))


def test_why_an_attack_has_no_gradients_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(linear("ThresholdedRelu").SerializeToString())
    data = (torch.rand(4, 4), torch.arange(4) % 3)
    with pytest.raises(UsageError, match=r"needs gradients, .* black box .*onnx2torch cannot"):
        advkit.attack("pgd", str(tmp_path / "net.onnx"), data, eps=0.1)


def of_two(*kinds: int) -> bytes:
    """Return a model with the outputs z and logits, of these types."""
    model = linear("Relu")
    last = model.graph.output.pop()
    for name, kind in zip(("z", "logits"), kinds, strict=True):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, [None, 3]))
    assert last.name == "logits"
    return bytes(model.SerializeToString())


def test_of_several_outputs_the_first_is_taken_and_told_or_the_one_asked_for(
    tmp_path: Path,
) -> None:
    file, x = tmp_path / "net.onnx", torch.rand(5, 4)
    file.write_bytes(of_two(onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT))
    first, asked = load_model(str(file)), load_model(f"{file}?output=logits")
    wanted = x @ torch.from_numpy(WEIGHTS)
    assert torch.allclose(first(x), wanted, atol=1e-6)
    assert torch.allclose(asked(x), wanted.relu(), atol=1e-6)
    assert "the outputs z, logits; the first is taken" in first.notes[0]
    assert asked.notes == ()
    with pytest.raises(UsageError, match="no output 'logit'") as caught:
        load_model(f"{file}?output=logit")
    assert "did you mean logits" in caught.value.hint


def test_an_output_of_labels_is_refused_and_the_other_named(tmp_path: Path) -> None:
    model = onnx.load_from_string(of_two(onnx.TensorProto.INT64, onnx.TensorProto.FLOAT))
    model.graph.node[1].input[0] = "y"
    model.graph.node[0].output[0] = "y"
    model.graph.node.append(onnx.helper.make_node("ArgMax", ["y"], ["z"], axis=1))
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"z \(int64\), logits \(float\)") as caught:
        load_model(str(tmp_path / "net.onnx"))
    assert "?output=logits" in caught.value.hint
