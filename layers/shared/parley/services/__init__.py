"""The use cases, a verb a file. Their one rule: they own the transaction and take their collaborators as arguments."""
