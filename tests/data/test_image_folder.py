import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advkit.data import load_data
from advkit.errors import EmptyError, InputError

RED = (220, 30, 40)


def put(root: Path, name: str, picture: Image.Image | None = None, **options: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture or Image.new("RGB", (40, 30), RED)).save(path, **options)


def mean_colour(root: Path) -> list[int]:
    data = load_data(f"imagefolder:{root}?size=16")
    return [round(v) for v in (data.x[0].mean((1, 2)) * 255).tolist()]


def test_classes_are_sorted_and_the_order_goes_round(tmp_path: Path) -> None:
    for name in (
        "zebra/1.png",
        "zebra/0.png",
        "ant/a.png",
        "ant/sub/b.JPG",
        "ant/c.png",
        "bee/x.png",
    ):
        put(tmp_path, name)
    put(tmp_path, ".hidden/1.png")
    (tmp_path / "ant/notes.txt").write_text("no picture")
    data = load_data(f"imagefolder:{tmp_path}?size=16")
    assert data.classes == ("ant", "bee", "zebra")
    assert data.ids == ("ant/a.png", "bee/x.png", "zebra/0.png", "ant/c.png", "zebra/1.png",
                        "ant/sub/b.JPG")  # fmt: skip
    assert data.y.tolist() == [0, 1, 2, 0, 2, 0]
    some = load_data(f"imagefolder:{tmp_path}?size=16", limit=4)
    assert some.ids == data.ids[:4]
    assert torch.equal(some.x, data.x[:4])


@pytest.mark.parametrize(
    ("query", "shape", "expected"),
    [
        ("", None, (3, 224, 224)),
        ("?size=20", None, (3, 20, 20)),
        ("", (3, 24, 32), (3, 24, 32)),
        ("?size=20", (3, 24, 32), (3, 20, 20)),
        ("", (1, 28, 28), (1, 28, 28)),
        ("", (10,), (3, 224, 224)),
    ],
)
def test_sizes(
    tmp_path: Path, query: str, shape: tuple[int, ...] | None, expected: tuple[int, ...]
) -> None:
    put(tmp_path, "a/1.png")
    put(tmp_path, "a/2.png", Image.new("RGB", (50, 30)))
    data = load_data(f"imagefolder:{tmp_path}{query}", shape=shape)
    assert data.x.shape == (2, *expected)
    assert data.x.dtype == torch.float32


@pytest.mark.parametrize(
    ("size", "query", "expected"),
    [
        ((32, 24), "", (24, 32)), ((32, 24), "?size=16", (16, 16)),
        ((32, 24), "?crop=0.9", (224, 224)), ((300, 24), "", (224, 224)),
    ],
)  # fmt: skip
def test_small_pictures_of_one_size_stay_as_they_are(
    tmp_path: Path, size: tuple[int, int], query: str, expected: tuple[int, int]
) -> None:
    """A net that was trained on them reads none that is enlarged."""
    for i in range(3):
        put(tmp_path, f"a/{i}.png", Image.new("RGB", size))
    data = load_data(f"imagefolder:{tmp_path}{query}", shape=None)
    assert data.x.shape == (3, 3, *expected)
    said = "all images are 24 x 32, and are taken as they are" in data.notes
    assert said == (expected == (24, 32))


def test_the_size_of_pictures_that_are_turned_is_that_of_the_upright_ones(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a").mkdir()
    Image.new("RGB", (32, 24)).save(tmp_path / "a/1.jpg", exif=exif)
    Image.new("RGB", (24, 32)).save(tmp_path / "a/2.png")
    (tmp_path / "a/3.png").write_bytes(b"no picture")
    data = load_data(f"imagefolder:{tmp_path}?skip_bad=true", shape=None)
    assert data.x.shape == (2, 3, 32, 24)


def test_the_centre_is_cut_out_of_the_scaled_picture(tmp_path: Path) -> None:
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[16:48, 48:80] = 255
    put(tmp_path, "a/1.png", Image.fromarray(pixels))
    x = load_data(f"imagefolder:{tmp_path}?size=32&crop=1.0").x[0, 0]
    assert x[9:23, 9:23].min() == 1
    assert x[:7].max() == x[25:].max() == x[:, :7].max() == x[:, 25:].max() == 0
    half = load_data(f"imagefolder:{tmp_path}?size=16&crop=0.5").x
    assert half[..., 1:-1, 1:-1].min() == 1


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    rgb = Image.new("RGB", (40, 30), RED)
    put(tmp_path / "plain", "a/1.png", rgb)
    assert mean_colour(tmp_path / "plain") == list(RED)
    put(tmp_path / "palette", "a/1.png", rgb.quantize(4))
    assert mean_colour(tmp_path / "palette") == list(RED)
    put(tmp_path / "gray", "a/1.png", Image.new("L", (40, 30), 77))
    assert mean_colour(tmp_path / "gray") == [77] * 3
    put(tmp_path / "deep", "a/1.png", Image.fromarray(np.full((30, 40), 77 * 257, np.uint16)))
    assert mean_colour(tmp_path / "deep") == [77] * 3
    put(tmp_path / "bits", "a/1.png", Image.new("1", (40, 30), 1))
    assert mean_colour(tmp_path / "bits") == [255] * 3
    put(tmp_path / "alpha", "a/1.png", Image.new("RGBA", (40, 30), (*RED, 0)))
    assert mean_colour(tmp_path / "alpha") == [255] * 3
    put(tmp_path / "cmyk", "a/1.tif", rgb.convert("CMYK"))
    assert mean_colour(tmp_path / "cmyk") == list(RED)


@pytest.mark.parametrize(
    ("picture", "name", "told"),
    [
        (Image.new("CMYK", (40, 30)), "1.tif", "converted from CMYK"),
        (Image.new("RGB", (40, 30)).quantize(4), "1.png", "converted from P"),
        (Image.new("RGBA", (40, 30)), "1.png", "transparent, placed on white"),
        (Image.fromarray(np.zeros((30, 40), np.uint16)), "1.png", "from 16 bits to 8"),
    ],
)
def test_conversions_are_told(tmp_path: Path, picture: Image.Image, name: str, told: str) -> None:
    put(tmp_path, f"a/{name}", picture)
    put(tmp_path, "b/1.png")
    notes = load_data(f"imagefolder:{tmp_path}?size=16").notes
    assert any(note.startswith("1 of 2 images: ") and told in note for note in notes), notes


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?size=32", ["smaller than 32 x 32: enlarged, and the middle cut out"]),
        ("?size=16", ["scaled, and the middle 16 x 16 cut out"]),
        ("?size=28", []),
        ("?size=28&crop=1", []),
        ("?size=28&crop=0.875", ["scaled, and the middle 28 x 28 cut out"]),
    ],
)
def test_scaling_is_told_and_what_has_the_size_is_left(
    tmp_path: Path, query: str, told: list[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    put(tmp_path, "a/1.png", Image.fromarray(noise))
    data = load_data(f"imagefolder:{tmp_path}{query}")
    assert data.notes == tuple(f"1 of 1 images: {each}" for each in told)
    same = not told and torch.equal(data.x[0] * 255, torch.tensor(noise).movedim(2, 0).float())
    assert same is not bool(told)


def test_exif_rotation(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    put(tmp_path, "a/1.jpg", Image.fromarray(pixels), exif=exif, quality=95)
    data = load_data(f"imagefolder:{tmp_path}?size=16&crop=1.0")
    assert data.x[0, :, :, 10:].min() > 0.9
    assert data.x[0, :, :, :6].max() < 0.1
    assert "turned upright" in data.notes[-1]


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in (RED, (0, 0, 0))]
    put(tmp_path, "a/1.gif", frames[0], save_all=True, append_images=frames[1:])
    assert mean_colour(tmp_path) == list(RED)
    notes = load_data(f"imagefolder:{tmp_path}?size=16").notes
    assert any("first frame" in note for note in notes)


@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_corrupt_pictures(tmp_path: Path, damage: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    put(tmp_path, "a/1.jpg", Image.fromarray(noise))
    file = tmp_path / "a/1.jpg"
    whole = file.read_bytes()
    file.write_bytes({"text": b"text", "truncated": whole[: len(whole) // 2], "empty": b""}[damage])
    with pytest.raises(InputError, match=r"a/1.jpg is not a readable picture"):
        load_data(f"imagefolder:{tmp_path}?size=16")


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_decompression_bombs(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    )
    with pytest.raises(InputError, match=rf"too large .*{side * side}"):
        load_data(f"imagefolder:{tmp_path}")


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "other", "b/1.png")
    put(tmp_path / "root", "a/1.png")
    (tmp_path / "root/b").symlink_to(tmp_path / "other/b")
    data = load_data(f"imagefolder:{tmp_path / 'root'}?size=16")
    assert data.classes == ("a",)
    assert data.notes[0] == "1 symbolic links were not followed"


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_data(f"imagefolder:{tmp_path / 'photoz'}")
    with pytest.raises(EmptyError, match="no class directories"):
        load_data(f"imagefolder:{tmp_path}")
    (tmp_path / "cat").mkdir()
    with pytest.raises(EmptyError, match="1 class directories, but no picture"):
        load_data(f"imagefolder:{tmp_path}")
    put(tmp_path / "flat", "1.png")
    with pytest.raises(InputError, match="pictures, but no class directories"):
        load_data(f"imagefolder:{tmp_path / 'flat'}")
    with pytest.raises(InputError, match="is not a directory"):
        load_data(f"imagefolder:{tmp_path / 'flat/1.png'}")
