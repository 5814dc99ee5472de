"""The audit: run attacks, judge what they return, keep every row, summarise."""
