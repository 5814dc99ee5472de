import torch

from advkit.engine.seeding import keys, normal, signs, uniform

MASK = 2**64 - 1


def splitmix(key: int, index: int) -> float:
    """Compute number ``index`` of a stream in plain integers."""
    z = (key + index * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    z ^= z >> 31
    return (z >> 11) * 2.0**-53


def test_numbers_are_those_of_splitmix64() -> None:
    key = keys(7, ["a", "b"], torch.zeros(2), "test")
    found = uniform(key, (2, 3), stream=5)
    for row, k in enumerate(key.tolist()):
        wanted = [splitmix(k & MASK, (5 << 32) + i) for i in range(1, 7)]
        assert found[row].flatten().tolist() == wanted


def test_a_sample_has_the_same_numbers_in_any_batch_and_order() -> None:
    ids = ["x", "y", "z"]
    whole = normal(keys(0, ids, torch.zeros(3), "pgd"), (4,))
    turned = normal(keys(0, ids[::-1], torch.zeros(3), "pgd"), (4,))
    alone = normal(keys(0, ["y"], torch.zeros(1), "pgd"), (4,))
    assert torch.equal(whole, turned.flip(0))
    assert torch.equal(whole[1:2], alone)


def test_streams_seeds_and_purposes_differ() -> None:
    like = torch.zeros(1)
    streams = [uniform(keys(0, ["x"], like, "a"), (8,), s) for s in range(3)]
    others = [uniform(keys(1, ["x"], like, "a"), (8,)), uniform(keys(0, ["x"], like, "b"), (8,))]
    seen = {tuple(s.flatten().tolist()) for s in [*streams, *others]}
    assert len(seen) == 5


def test_moments() -> None:
    key = keys(0, None, torch.zeros(50), "moments")
    u, z, s = uniform(key, (4000,)), normal(key, (4000,)), signs(key, (4000,))
    assert abs(u.mean() - 0.5) < 3e-3
    assert abs(u.var() - 1 / 12) < 2e-3
    assert abs(z.mean()) < 1e-2
    assert abs(z.var() - 1) < 2e-2
    assert torch.equal(s.abs(), torch.ones_like(s))
    assert abs(s.mean()) < 1e-2
    assert abs(torch.corrcoef(u)[0, 1:]).max() < 0.06, "streams of two samples are correlated"


def test_the_global_generator_is_untouched() -> None:
    before = torch.get_rng_state()
    normal(keys(0, None, torch.zeros(3), "a"), (5,))
    assert torch.equal(before, torch.get_rng_state())
