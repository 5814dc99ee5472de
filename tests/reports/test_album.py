"""The page of a picture run."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from advkit.reports import album as page
from advkit.reports.album import album_page
from tests.reports.sample_album import sample_album


def pictures(text: str) -> list[np.ndarray]:
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_pictures_are_lossless_and_in_order() -> None:
    album = sample_album()
    wanted = [one.levels for each in album.groups for _, _, row in each.strips for one in row]
    found = pictures(album_page(album))
    assert len(found) == len(wanted) == 7
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_numbers_are_written_once_and_sorted_by_value() -> None:
    text = album_page(sample_album())
    assert '<td class="number" data-value="0.91234">0.912</td>' in text
    assert '<td class="number" data-value="-0.25">\u22120.25</td>' in text
    assert '<td class="number">\u2013</td>' in text


def test_large_numbers_are_written_out() -> None:
    assert [page.number(x) for x in (12544, 123456.0, 6272, 9.376e6, -20000.0)] == [
        "12,544", "123,456", "6,272", "9.376e+06", "\u221220,000"]  # fmt: skip


def test_what_several_runs_found_leads_to_their_sections() -> None:
    album = replace(sample_album(), found=[("Classes", "3 pictures."), ("Other", "nothing shown.")])
    text = album_page(album)
    assert '<li><a href="#pictures">Classes</a>: 3 pictures.</li>' in text
    assert "<li>Other: nothing shown.</li>" in text
    assert '<ul class="found">' not in album_page(sample_album())


def test_the_contents_list_what_has_an_entry() -> None:
    (contents,) = re.findall(r'<nav class="contents".*?</nav>', album_page(sample_album()), re.S)
    entries = re.findall(r">([^<]+)</a>", contents)
    assert entries == ["Overview", "Classes", "A large one", "Numbers", "Limits", "Run again"]


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_BYTES", 5_000)
    text = album_page(sample_album(strips=6))
    shown = len(re.findall(r'id="pictures-\d', text))
    assert 1 <= shown < 6
    assert f"{6 - shown} more are not shown" in text


def test_every_name_is_escaped() -> None:
    text = album_page(sample_album(name="<script>alert(1)</script>"))
    assert "<script>alert" not in text
    assert album_page(sample_album()) == album_page(sample_album())
