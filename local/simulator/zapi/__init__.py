"""Z-API, simulated."""
