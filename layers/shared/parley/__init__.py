"""Parley: a serverless omnichannel inbox.

The rooms are described in docs/architecture.md; each may import only what stands below it.
"""
