"""Postgres, the truth. Its one rule: SQL lives in `sql/*.sql`, and every query names its tenant."""
