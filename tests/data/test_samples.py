import torch

from advkit.data import Samples, fingerprint, take


def samples() -> Samples:
    x = torch.rand(4, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    return Samples(x, torch.arange(4), ("a", "b", "c", "d"), ("w", "x", "y", "z"), "some", ("n",))


def test_take_keeps_rows_together() -> None:
    some = take(samples(), torch.tensor([3, 0]))
    assert torch.equal(some.x, samples().x[[3, 0]])
    assert some.y.tolist() == [3, 0]
    assert some.ids == ("d", "a")
    assert some.classes == samples().classes
    assert some.notes == ("n",)
    assert take(samples(), []).x.shape == (0, 1, 2, 3)


def test_fingerprint_tells_images_labels_and_ids() -> None:
    base = samples()
    found = {fingerprint(base), fingerprint(base._replace(y=base.y.flip(0)))}
    found.add(fingerprint(base._replace(x=base.x.clone().clamp(max=0.9))))
    found.add(fingerprint(base._replace(x=base.x.reshape(4, 1, 3, 2))))
    found.add(fingerprint(base._replace(ids=("a", "b", "c", "e"))))
    assert len(found) == 5
    assert fingerprint(samples()._replace(name="other", notes=())) == fingerprint(base)


def test_samples_are_shown_in_a_line() -> None:
    """Every id, and the images, filled a notebook."""
    many = samples()._replace(ids=tuple(map(str, range(10_000))), classes=("cat", "dog"))
    assert repr(many) == f"Samples({many.name}: 4 of 1 x 2 x 3, 2 classes)"
    assert repr(many._replace(x=[1, 2], classes=None)) == (
        f"Samples({many.name}: 2 of unknown size, no class names)"
    )
