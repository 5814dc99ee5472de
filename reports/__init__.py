"""Tables and pictures in, one self-contained HTML page out; knows no attack and no model."""

from advkit.reports.page import audit_page
from advkit.reports.tables import AttackRow, Audit, Card, Interval

__all__ = ["AttackRow", "Audit", "Card", "Interval", "audit_page"]
