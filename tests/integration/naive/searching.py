"""Looking through the messages themselves under row-level security: kept here to show why search is a function of its
own.
"""

from __future__ import annotations

NAIVE = """
select id from messages where tenant_id = %(tenant_id)s and body ilike %(pattern)s
order by occurred_at desc limit 20
"""
