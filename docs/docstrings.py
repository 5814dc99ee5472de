"""How docstrings look in the manual: examples as code, the last lines of an attack as a list."""

import re
from typing import Any

from griffe import Alias, Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.M)
CARD = re.compile(r"^(?=(?:Knows|Cost|Use|Fails|Paper): )", re.M)


class Readable(Extension):
    """Changes the text of every docstring before it is rendered."""

    def on_object(self, *, obj: Object | Alias, **_: Any) -> None:
        """Rewrite the docstring of ``obj``, if it has one."""
        if obj.docstring:
            text = obj.docstring.value.replace("``", "`")
            text = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
            text = CARD.sub("- ", text.replace("\nKnows: ", "\n\nKnows: "))
            obj.docstring.value = text
