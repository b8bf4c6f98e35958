"""A world in which anything can go wrong at any moment: the harness of the promises P1 to P7 and P13.

The one rule: the product runs as it is deployed (the functions' own handlers, the real use cases, Meta's adapter, a
real Postgres). Every side effect goes through a port, so the faults live in the ports and need no marks in the product.
"""
