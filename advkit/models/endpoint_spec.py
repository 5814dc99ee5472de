"""``http(s)://...`` and ``endpoint:FILE.toml``: a prediction service as a black box."""

import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from advkit.errors import InputError, UnknownNameError, did_you_mean
from advkit.models.black_box import OUTPUTS, BlackBox
from advkit.models.classifier import Classifier
from advkit.models.load_gate import read_gated
from advkit.spec_text import Spec, literal

ENCODINGS, LAYOUTS = ("float", "uint8", "png"), ("chw", "hwc")


class Endpoint(NamedTuple):
    """The address of a service, the format of requests and of responses.

    JSON of ``input_key`` is a list of images: numbers in [0, 1], 0 to 255 (``uint8``), or PNG files
    in base64 (``png``). The response has a row per image at ``output_key``, a path with dots.
    ``rate`` is in requests per second, ``timeout`` in seconds, ``budget`` the maximum number of
    images sent, ``price`` that of 1,000 images. ``headers`` are sent as they are; the values of
    ``secret_headers`` are names of environment variables.
    """

    url: str = ""
    input_key: str = "inputs"
    output_key: str = "outputs"
    output: str = "logits"
    n_classes: int = 0
    encoding: str = "float"
    layout: str = "chw"
    shape: Sequence[int] = ()
    batch: int = 16
    rate: float = 10.0
    retries: int = 3
    timeout: float = 30.0
    budget: int = 10_000
    price: float = 0.0
    headers: Mapping[str, str] = MappingProxyType({})
    secret_headers: Mapping[str, str] = MappingProxyType({})


def endpoint(spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return the service that ``spec`` names as a classifier; nothing is sent yet.

    Keys of `Endpoint` may be in a file (``endpoint:FILE.toml``) and in the query. Raises
    UsageError, InputError.
    """
    from advkit.models.http_service import Service

    asked = endpoint_of(spec)
    n_classes = asked.n_classes or len(classes or ())
    service = Service(asked)
    sent = (asked.input_key, asked.output_key, asked.output, asked.encoding, asked.layout)
    stamp = sha256(repr((asked.url, *sent)).encode())
    box = BlackBox(
        service, stamp.digest(), output=asked.output, n_classes=n_classes, name=asked.url
    )
    found = Classifier(
        box, name=spec.text, classes=classes, shape=tuple(asked.shape) if asked.shape else None
    )
    found.notes = (
        f"answers of {asked.url} are kept: an image that was asked before is not sent again, but "
        "for the first ones, to see whether the service answers the same",
    )
    if asked.encoding != "float":
        found.notes += (f"{asked.url} is sent 8 bits per number: it sees each rounded to n/255",)
    return found


def endpoint_of(spec: Spec) -> Endpoint:
    """Return the description of a service; raises UsageError, InputError."""
    given: dict[str, Any] = {}
    if spec.scheme == "endpoint":
        given = _from_file(spec.ref)
    else:
        given["url"] = f"{spec.scheme}:{spec.ref}"
    given |= {key: literal(value) for key, value in spec.query.items()}
    for key in given:
        if key not in Endpoint._fields:
            raise UnknownNameError(f"{spec.text!r} has no option {key!r}",
                             did_you_mean(key, Endpoint._fields))  # fmt: skip
    if isinstance(given.get("shape"), str):  # from 3,32,32 in a query
        given["shape"] = [literal(each) for each in given["shape"].split(",")]
    return _checked(Endpoint(**given), spec.text)


def _from_file(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(read_gated(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error


def _checked(asked: Endpoint, name: str) -> Endpoint:
    choices = {"output": OUTPUTS, "encoding": ENCODINGS, "layout": LAYOUTS}
    for key, allowed in choices.items():
        if getattr(asked, key) not in allowed:
            raise InputError(f"{name}: {key} = {getattr(asked, key)!r}", ", ".join(allowed))
    if not asked.url.startswith(("http://", "https://")):
        raise InputError(f"{name}: url = {asked.url!r}", 'url = "https://host/predict"')
    kinds = {float: int | float, tuple: list | tuple, MappingProxyType: Mapping}
    for key, default in Endpoint._field_defaults.items():
        value = getattr(asked, key)
        fits = isinstance(value, kinds.get(type(default), type(default)))
        least = 0 if key in ("retries", "price", "n_classes") else 1e-3
        if key == "shape":
            fits = fits and all(isinstance(size, int) and size > 0 for size in value)
        if not fits or (isinstance(value, int | float) and not value >= least):
            raise InputError(f"{name}: {key} = {value!r}", f"such as {key} = {default!r}")
    return asked
