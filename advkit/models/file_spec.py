"""Model files of every format, identified by content."""

from collections.abc import Sequence

from advkit.errors import InputError, UsageError
from advkit.models.arch_spec import empty
from advkit.models.callable_spec import wrapped
from advkit.models.classifier import Classifier
from advkit.models.described import load_described
from advkit.models.load_gate import kind_of, read_judged
from advkit.models.load_policy import admit
from advkit.models.nets import NETS
from advkit.models.torch_file import holds_tensors_alone, under_prefix
from advkit.models.weights_file import about_in, fill, weights_in
from advkit.models.weights_spec import any_weights_in
from advkit.spec_text import Spec, numbers, only, parse_spec


def load_file(spec: Spec, arch: str | None, classes: Sequence[str] | None) -> Classifier:
    """Return the classifier in the file that ``spec`` names; weights alone need ``arch``.

    Raises UsageError, InputError, and UnsafeError for untrusted files that can run code.
    """
    only(spec, ("mean", "std", "output"))
    data, refusal = read_judged(spec.ref)
    kind = kind_of(data)
    if kind != "onnx":
        only(spec, ("mean", "std"))
    if kind in ("onnx", "skops"):
        return _described_by_itself(kind, data, spec, arch, classes)
    if refusal is None and about_in(data, spec.ref) is not None:
        only(spec, ())
        return load_described(weights_in(data, spec.ref), spec.ref, spec.text, arch)
    if arch is not None:
        net = empty(parse_spec(arch), classes)
        tensors, notes = any_weights_in(data, refusal, spec.ref)
        tensors, more = under_prefix(net.state_dict(), tensors, spec.ref)
        fill(net, tensors, spec.ref)
        return _noted(wrapped(net, spec, classes), *notes, *more)
    if refusal is None or holds_tensors_alone(data):
        raise _of_which(spec)
    note = admit(data, refusal)
    from advkit.models.code_file import load_code

    found = load_code(data, kind, spec.ref)
    if isinstance(found, dict):
        raise _of_which(spec)
    return _noted(wrapped(found, spec, classes), note)


def _described_by_itself(
    kind: str, data: bytes, spec: Spec, arch: str | None, classes: Sequence[str] | None
) -> Classifier:
    if arch is not None:
        raise UsageError(
            f"--arch {arch} has no effect with {spec.ref}", "it says itself what it is", code="E207"
        )
    if kind == "skops":
        from advkit.models.skops_file import skops_classifier

        found = skops_classifier(data, spec.ref, name=spec.text, classes=classes)
    else:
        from advkit.models.onnx_file import onnx_classifier

        found = onnx_classifier(data, spec.ref, name=spec.text, classes=classes,
                                output=spec.query.get("output", ""))  # fmt: skip
    mean, std = numbers(spec, "mean"), numbers(spec, "std")
    return found.with_normalisation(mean, std) if mean or std else found


def _of_which(spec: Spec) -> InputError:
    return InputError(
        f"{spec.ref} holds weights but does not say of which architecture",
        "say of which net: --arch ./net.py:make (a function or class of yours), "
        "--arch torchvision:resnet18, or a net of advkit: "
        f"--arch 'cnn?shape=1,28,28&n_classes=10' ({', '.join(NETS)})",
    )


def _noted(classifier: Classifier, *notes: str) -> Classifier:
    classifier.notes = (*classifier.notes, *notes)
    return classifier
