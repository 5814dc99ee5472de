"""Tables and pictures in, one self-contained HTML page out; knows no attack and no model."""

from advkit.reports.comparison import comparison_page
from advkit.reports.overview import overview_page
from advkit.reports.page import audit_page
from advkit.reports.speech import speech_page
from advkit.reports.tables import AttackRow, Audit, Card, Guess, Interval

__all__ = [
    "AttackRow",
    "Audit",
    "Card",
    "Guess",
    "Interval",
    "audit_page",
    "comparison_page",
    "overview_page",
    "speech_page",
]
