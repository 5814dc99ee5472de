"""Data specs: ``scheme:ref?key=value`` -> Samples."""

from collections.abc import Callable

from advkit.data.audio_folder import load_audio_folder
from advkit.data.bundled_sets import BUNDLED, load_bundled
from advkit.data.class_map import renumbered
from advkit.data.csv_table import load_csv
from advkit.data.hugging_face import load_hugging_face
from advkit.data.image_folder import load_image_folder
from advkit.data.lazy_rows import LazyRows
from advkit.data.npz_file import load_npz
from advkit.data.parquet_file import load_parquet
from advkit.data.samples import Samples
from advkit.data.spec_guesses import check_bare
from advkit.data.stratified import share_of
from advkit.data.torchvision_sets import load_torchvision
from advkit.data.user_data import is_users, load_users
from advkit.errors import EmptyError, UnknownNameError, UsageError, did_you_mean
from advkit.spec_text import Spec, as_text, parse_spec


def load_data(
    spec: str,
    *,
    limit: int | None = None,
    shape: tuple[int, ...] | None = None,
    stream: bool = False,
) -> Samples:
    """Return the samples that ``spec`` names, at most ``limit`` of them.

    ``bundled:NAME``; ``torchvision:NAME?root=DIR&split=train|test``;
    ``imagefolder:DIR?size=224&crop=0.875&class_map=FILE``; ``npz:FILE?x=x&y=y&layout=nchw``;
    ``csv:FILE?path=path&label=label&root=DIR``; ``parquet:FILE?image=image&label=label``;
    ``hf:DIR?split=test``; ``hf:owner/name@revision``;
    ``audio:DIR?rate=8000&seconds=1&labels=FILE.csv``; ``package.module:callable`` and
    ``./file.py:callable``. ``shape`` (channels, height, width), of sound (length,), is the input
    shape of the model, to which photographs and recordings are converted. With ``stream`` large
    image sets are not held in memory: ``x`` is then a `LazyRows`. Raises UsageError, InputError,
    UnsafeError, EmptyError.

    >>> images = advkit.load_data("bundled:digits", limit=20)
    >>> images.x.shape, images.y[:4].tolist(), images.classes[:2]
    (torch.Size([20, 1, 8, 8]), [2, 3, 4, 5], ('0', '1'))
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit {limit} is not possible", "a whole number from 1 up", code="E203")
    spec = as_text(spec, "the data", "give it to audit and the others as it is")
    parsed = parse_spec(spec)
    load = SCHEMES.get(parsed.scheme) or (load_users if is_users(parsed) else None)
    if load is None:
        check_bare(parsed)
        raise UnknownNameError(
            f"the data {spec!r} has an unknown scheme {parsed.scheme!r}",
            f"{did_you_mean(parsed.scheme or parsed.ref, SCHEMES)}; write scheme:name, "
            f"such as {' or '.join(f'bundled:{name}' for name in BUNDLED)}",
        )
    if limit == 0:
        raise EmptyError(f"limit 0 leaves nothing of {spec}", "a whole number from 1 up")
    samples = _by_map(load, parsed, limit, shape)
    if not len(samples.x):
        raise EmptyError(f"{spec} holds no sample", "there is nothing to evaluate")
    if isinstance(samples.x, LazyRows) and not stream:
        return samples._replace(x=samples.x[:])
    return samples


def _by_map(
    load: Callable[..., Samples], spec: Spec, limit: int | None, shape: tuple[int, ...] | None
) -> Samples:
    """Return the samples of ``load``, renumbered if the spec names a class map."""
    own = spec.query.get("class_map")
    if own is None or load is load_users:
        return load(spec, limit, shape)
    if spec.scheme in RENUMBERED:
        rest = {key: value for key, value in spec.query.items() if key != "class_map"}
        samples = renumbered(load(spec._replace(query=rest), limit, shape), own)
    else:
        samples = load(spec, limit, shape)
    return samples._replace(mapped=True)


def _stratified(load: Callable[[Spec], Samples]) -> Callable[..., Samples]:
    """Return a loader that keeps a stratified subset of ``limit`` samples (`chosen`)."""

    def loader(spec: Spec, limit: int | None, _shape: tuple[int, ...] | None) -> Samples:
        return share_of(load(spec), limit)

    return loader


RENUMBERED = ("bundled", "npz", "torchvision")
"""Schemes that number the classes by themselves; a class map is applied afterwards."""
SCHEMES: dict[str, Callable[..., Samples]] = {
    "audio": load_audio_folder,
    "bundled": _stratified(load_bundled),
    "csv": load_csv,
    "hf": load_hugging_face,
    "imagefolder": load_image_folder,
    "npz": _stratified(load_npz),
    "parquet": load_parquet,
    "torchvision": load_torchvision,
}
