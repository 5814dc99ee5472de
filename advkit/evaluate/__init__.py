"""The audit: run attacks, judge the examples that they return, store every row, summarise."""
