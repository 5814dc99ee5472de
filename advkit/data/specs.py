"""Data specs: ``scheme:ref?key=value`` -> Samples."""

from collections import Counter
from collections.abc import Callable, Sequence

from advkit.data.audio_folder import load_audio_folder
from advkit.data.bundled_sets import BUNDLED, load_bundled
from advkit.data.image_folder import load_image_folder
from advkit.data.npz_file import load_npz
from advkit.data.samples import Samples, take
from advkit.data.torchvision_sets import load_torchvision
from advkit.errors import EmptyError, UsageError, did_you_mean
from advkit.spec_text import Spec, parse_spec


def load_data(
    spec: str, *, limit: int | None = None, shape: tuple[int, ...] | None = None
) -> Samples:
    """Return the samples that ``spec`` names, at most ``limit`` of them.

    ``bundled:NAME``; ``torchvision:NAME?root=DIR&split=train|test``;
    ``imagefolder:DIR?size=224&crop=0.875``; ``npz:FILE?x=x&y=y&layout=nchw``;
    ``audio:DIR?rate=8000&seconds=1&labels=FILE.csv``. ``shape`` (channels, height, width), of sound
    (length,), is what the model wants; photographs and recordings are brought to it. Raises
    UsageError, InputError, UnsafeError, EmptyError.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit {limit} is not possible", "a whole number from 1 up")
    parsed = parse_spec(spec)
    if parsed.scheme not in SCHEMES:
        raise UsageError(
            f"the data {spec!r} has an unknown scheme {parsed.scheme!r}",
            f"{did_you_mean(parsed.scheme or parsed.ref, SCHEMES)}; write scheme:name, "
            f"such as {' or '.join(f'bundled:{name}' for name in BUNDLED)}",
        )
    if limit == 0:
        raise EmptyError(f"limit 0 leaves nothing of {spec}", "a whole number from 1 up")
    samples = SCHEMES[parsed.scheme](parsed, limit, shape)
    if not len(samples.x):
        raise EmptyError(f"{spec} holds no sample", "there is nothing to evaluate")
    return samples


def _stratified(load: Callable[[Spec], Samples]) -> Callable[..., Samples]:
    """Return a loader that keeps ``limit`` samples of what ``load`` gives, as `chosen` picks."""

    def loader(spec: Spec, limit: int | None, _shape: tuple[int, ...] | None) -> Samples:
        samples = load(spec)
        if limit is None or limit >= len(samples.x):
            return samples
        return take(samples, chosen(samples.y.tolist(), limit))

    return loader


def chosen(labels: Sequence[int], limit: int) -> list[int]:
    """Return the positions of ``limit`` samples: the first of each class, in its share of all.

    Shares are rounded by largest remainder (Hamilton), so that no class is off by a whole sample.
    """
    counts = Counter(labels)
    exact = {name: limit * count / len(labels) for name, count in counts.items()}
    quota = {name: int(share) for name, share in exact.items()}
    rest = sorted(counts, key=lambda name: (quota[name] - exact[name], name))
    for name in rest[: limit - sum(quota.values())]:
        quota[name] += 1
    kept = []
    for position, name in enumerate(labels):
        if quota[name]:
            quota[name] -= 1
            kept.append(position)
    return kept


SCHEMES: dict[str, Callable[..., Samples]] = {
    "audio": load_audio_folder,
    "bundled": _stratified(load_bundled),
    "imagefolder": load_image_folder,
    "npz": _stratified(load_npz),
    "torchvision": _stratified(load_torchvision),
}
