import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from advkit.reports import Audit, Card, Guess, audit_page
from tests.reports.sample_audit import sample_audit, sample_cards, wilson

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = (HOSTILE, "\u202eevil\u2066", "nul\x00 bell\x07 \ud800", "x" * 10_000, "'\"&<>{{7*7}}")


class Elements(HTMLParser):
    """Lists every element with its attributes; fails on an id that comes twice."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.found if attribute in attrs]


@pytest.fixture(scope="module")
def page() -> str:
    return audit_page(sample_audit(), sample_cards())


def named(name: str) -> tuple[Audit, list[Card]]:
    """Return an audit in which every name that a user can choose is ``name``."""
    audit = sample_audit()
    rows = [replace(row, attack=name + row.attack, options={name: name}) for row in audit.attacks]
    facts = {"name": name, name: name}
    audit = replace(
        audit,
        verdict=name,
        model=facts,
        data=facts,
        attacks=rows,
        suite=name,
        command=name,
        environment={name: name},
        notes=[name],
        started=name,
    )
    cards = [
        replace(
            card,
            sample=name,
            label=name,
            before=[Guess(name, 0.9)],
            after=[Guess(name + "2", 0.8), Guess(name, 0.1)],
            attack=name,
        )
        for card in sample_cards(3)
    ]
    return audit, cards


def test_facts_are_on_the_page(page: str) -> None:
    audit = sample_audit()
    for text in (
        audit.verdict,
        audit.command,
        *audit.notes,
        *audit.environment.values(),
        str(audit.model["fingerprint"]),
        str(audit.data["fingerprint"]),
        "86.9%",
        "84.7 to 88.9%",
        "0.2 (51/255)",
        "12 of 12 examples",
        "change \u00d75",
        "true Sneaker; predicted",
        "upper bound",
        audit.started,
    ):
        assert text in page, text


def test_order_is_verdict_evidence_limits_reproduction(page: str) -> None:
    ids = Elements(page).values("id")
    order = [
        "result",
        "curve",
        "attacks",
        "broken",
        "gallery",
        "reading",
        "limits",
        "notes",
        "reproduce",
    ]
    places = [ids.index(name) for name in order]
    assert places == sorted(places)


def test_ids_are_unique_and_links_lead_to_them(page: str) -> None:
    elements = Elements(page)
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    links = [href for href in elements.values("href") if href.startswith("#")]
    assert {link[1:] for link in links} <= set(ids)
    labels = " ".join(elements.values("aria-labelledby")).split()
    assert set(labels) <= set(ids)


def test_nothing_is_fetched_and_nothing_is_styled_in_place(page: str) -> None:
    elements = Elements(page)
    for value in elements.values("src") + elements.values("href"):
        assert value.startswith(("data:", "#")), value
    assert "http" not in " ".join(elements.values("src") + elements.values("href"))
    assert not elements.values("style")
    assert "url(" not in page.replace("url(#", "")
    assert not [key for _, attrs in elements.found for key in attrs if key.startswith("on")]


def test_the_policy_allows_exactly_this_style_and_this_script(page: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    policy = policy.replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert policy.endswith("base-uri 'none'; form-action 'none'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", NAMES, ids=["script", "bidi", "control", "long", "quotes"])
def test_hostile_names_are_inert(name: str) -> None:
    plain = Elements(audit_page(*named("plain")))
    page = audit_page(*named(name))
    page.encode("utf-8")
    found = Elements(page)
    # Long words are set as code; that alone may differ.
    tags, expected = ([tag for tag, _ in each.found if tag != "code"] for each in (found, plain))
    assert tags == expected
    assert len(found.values("id")) == len(set(found.values("id")))
    assert not [attrs for _, attrs in found.found if "onerror" in attrs]
    assert not set(page) & set("\u202e\u2066\x00\x07")
    assert "49" not in found.values("title")


def test_same_audit_same_bytes(page: str) -> None:
    assert audit_page(sample_audit(), sample_cards()) == page


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < 400_000
    photographs = audit_page(sample_audit(), sample_cards(24, size=224, channels=3))
    assert len(photographs.encode()) < 6_000_000


def test_what_was_left_out_is_said() -> None:
    assert "24 of 30 examples shown" in audit_page(sample_audit(), sample_cards(30))
    many = [(i / 100, sample_audit().clean) for i in range(1, 9)]
    none = {eps: {"pgd": 0} for eps, _ in many}
    page = audit_page(sample_audit(robust=many, added=none, attacks=[]), [])
    assert "Some of 8 audited eps" in page
    assert page.count('class="tile"') == 5


def test_one_eps_no_cards_no_notes_leave_no_empty_sections() -> None:
    page = audit_page(sample_audit(eps=(0.1,), notes=[]), [])
    ids = Elements(page).values("id")
    assert not {"gallery", "notes", "by-eps"} & set(ids)
    assert {"result", "broken", "reproduce"} <= set(ids)


def test_invalid_examples_are_flagged_on_the_first_screen(page: str) -> None:
    audit = sample_audit()
    rows = [replace(audit.attacks[0], invalid=2), *audit.attacks[1:]]
    flagged = audit_page(replace(audit, attacks=rows), [])
    assert "2 invalid examples" in flagged
    assert flagged.index("2 invalid examples") < flagged.index('class="tiles"')
    assert "Check this run" not in page


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1", "L0"])
def test_the_threat_model_is_in_words(norm: str) -> None:
    page = audit_page(sample_audit(norm=norm), [])
    assert {
        "Linf": "0 is black",
        "L2": "Euclidean length",
        "L1": "add up",
        "L0": "At most eps values",
    }[norm] in page
    assert ("51/255" in page) == (norm == "Linf")


def test_a_model_that_reads_nothing_still_has_a_page() -> None:
    none = wilson(0, 7)
    audit = sample_audit(clean=none, robust=[(0.1, none)], added={0.1: {}}, curve=[], attacks=[])
    assert "0 of 7" in audit_page(audit, [])
