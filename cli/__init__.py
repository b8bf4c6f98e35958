"""The `parley` command. Its one rule: a command that fails says why in one line and exits with a code that says so."""
