"""The model as plain typed Python. Its one rule: pure; no clock, no network, no database."""
