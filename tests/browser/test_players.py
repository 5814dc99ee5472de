"""The players of the speech page, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from advkit.reports import speech_page
from tests.reports.sample_speech import sample_speech

LOADED = """async () => {
  const players = [...document.querySelectorAll("audio")];
  await Promise.all(players.map(player => player.readyState ? 0 : new Promise(done => {
    player.addEventListener("loadedmetadata", done);
    player.addEventListener("error", done);
  })));
  return players.map(player => [player.error === null, player.duration]);
}"""
PLAYED = """async () => {
  const player = document.querySelector("audio");
  player.muted = true;
  await player.play();
  await new Promise(done => player.addEventListener("timeupdate", done, { once: true }));
  return player.currentTime >= 0 && !player.paused;
}"""


def test_every_sound_loads_and_plays(visit: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "speech.html"
    file.write_text(speech_page(sample_speech()), encoding="utf-8")
    page = visit(file)
    assert page.evaluate(LOADED) == [[True, 1]] * 6 + [[True, 3]] * 3
    assert page.evaluate(PLAYED)


def test_on_a_phone_players_are_wide_enough_to_be_used(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "speech.html"
    file.write_text(speech_page(sample_speech()), encoding="utf-8")
    page = visit(file, viewport={"width": 360, "height": 800})
    widths = [player.bounding_box()["width"] for player in page.locator("audio").all()]
    assert min(widths) > 200
