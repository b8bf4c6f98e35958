"""The gateways, one file each. Their one rule: what is particular to a gateway stays in its file."""
