"""Self-contained HTML pages from tables and images; knows no attacks and no models."""

from advkit.reports.cards import Card, Guess
from advkit.reports.comparison import comparison_page
from advkit.reports.linear_parts import Linearity, Shot
from advkit.reports.linearity import linearity_page
from advkit.reports.overview import overview_page
from advkit.reports.page import audit_page
from advkit.reports.query_page import LabelAudit, query_page
from advkit.reports.speech import speech_page
from advkit.reports.tables import AttackRow, Audit, Interval
from advkit.reports.transfer import transfer_page

__all__ = [
    "AttackRow",
    "Audit",
    "Card",
    "Guess",
    "Interval",
    "LabelAudit",
    "Linearity",
    "Shot",
    "audit_page",
    "comparison_page",
    "linearity_page",
    "overview_page",
    "query_page",
    "speech_page",
    "transfer_page",
]
