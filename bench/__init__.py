"""The benchmark: every figure a ratio to a yardstick run in the same minute on the same machine (bench/README.md)."""
