"""The one-machine stack: what AWS gives the bundle, played on loopback. Never deployed."""
