"""Statements of the documents are true."""

import re
import subprocess
import sys
from pathlib import Path

import torch

from advkit.attacks import ATTACKS, attack_card, norms_of
from advkit.benchmarks.attack_families import FAMILIES
from advkit.benchmarks.attack_pages import page
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from tests.attacks.problems import affine

ROOT = Path(__file__).parents[1]


def test_the_table_of_attacks_in_the_readme() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([\w ]+) \| ([\w ]+) \| ([\d,]+) \|", read("README.md"), re.M
    )
    assert {name: tuple(norms.split()) for name, norms, _, _ in rows} == {
        name: norms_of(attack) for name, attack in ATTACKS.items()
    }
    for name, _, knows, passes in rows:
        card = attack_card(name, ATTACKS[name])
        assert knows == card.knows
        assert int(passes.replace(",", "")) == sum(card.passes(classes=10))


def test_the_pages_of_attacks_say_what_the_cards_say() -> None:
    """Written by `python -m advkit.benchmarks.attack_pages docs/attacks`."""
    names = [name for family in FAMILIES.values() for name in family.names]
    assert sorted(names) == sorted(ATTACKS), "every attack belongs on one page"
    for family in FAMILIES:
        assert read(f"docs/attacks/{family}.md") == page(family), family
        assert (ROOT / f"docs/attacks/{family}.png").stat().st_size < 600_000


def test_the_example_of_contributing_works() -> None:
    (code,) = re.findall(r"```python.*?\n(.*?)```", read("CONTRIBUTING.md"), re.S)
    space: dict = {}
    exec(re.sub(r"^   ", "", code, flags=re.M), space)
    model = affine(20)
    x = torch.full((4, 20), 0.5) + 0.001 * torch.arange(80).reshape(4, 20)
    y = model(x).argmax(1)
    found = space["one_step"](model, x, y, eps=0.1, share=0.5)
    assert torch.allclose(NORMS["Linf"].size(found - x), torch.full((4,), 0.05))
    assert (margins(model(found), y) > margins(model(x), y)).all()


def test_the_python_of_the_readme_works() -> None:
    """The last lines of the example, in a fresh process: names must not depend on what was used."""
    (code,) = re.findall(r"```python\n(.*?)```", read("README.md"), re.S)
    lines = [line for line in code.splitlines() if "summary" not in line]
    check = "assert x_adv.shape == images.x.shape; assert sorted(set(advkit.__all__)) == sorted(" \
            "n for n in advkit.__all__ if getattr(advkit, n))"  # fmt: skip
    subprocess.run([sys.executable, "-c", "\n".join([*lines, check])], check=True)


def test_links_in_the_documents_lead_somewhere() -> None:
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith(("https://", "samples/")):  # made by `make docs`
                assert (file.parent / target).exists(), f"{file.name} -> {target}"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
