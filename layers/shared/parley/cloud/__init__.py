"""AWS, thin and typed. Its one rule: no decision is taken here."""
