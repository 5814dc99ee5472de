"""Pages of finished runs, written from their files only: no model is queried."""
