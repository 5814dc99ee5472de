"""The frame of every page: one file, no requests, a content security policy of hashes only."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from advkit.reports.parts import Section
from advkit.reports.words import count, short, visible

TEMPLATES = Path(__file__).parent / "templates"


def render(
    template: str, *, title: str, kind: str, sections: Sequence[Section], **content: object
) -> str:
    """Fill ``templates/<template>`` (it extends base.html) and return the whole page.

    ``title`` is the title of the page, ``kind`` its type ("audit"), ``sections`` the table of
    contents; ``content`` are the variables of the template. Every string is escaped and made
    visible (`words.visible`), whatever its source.
    """
    style, script = (_asset(name) for name in ("style.css", "page.js"))
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            kind=kind,
            sections=sections,
            style=Markup(style),  # noqa: S704 (our own file)
            script=Markup(script),  # noqa: S704 (our own file)
            policy=policy(style, script),
            **content,
        )
    )


def policy(style: str, script: str) -> str:
    """Return the policy that allows this style, this script, inline images and sounds."""
    return (
        f"default-src 'none'; img-src data:; media-src data:; style-src '{_hash(style)}';"
        f" script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _asset(name: str) -> str:
    return "\n" + (TEMPLATES / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(short=short, count=count)
    return environment


def _harmless(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
