"""Search at size beside the same question asked of every row, without an index, in the same run. `--messages` says how
many there are; without it few enough for the benchmark to end soon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.bed import Bed
from bench.company import Company
from bench.measure import Row, interleave, median, ms, percentile, timed
from parley.services.search import Search, Searching

TITLE = "search beside a scan"
PIECE = 100_000
VOCABULARY = 20_000
COMMON = (
    "bom dia pedido boleto pagamento entrega prazo valor cartão nota fiscal obrigado cliente produto azul grande loja "
    "endereço número telefone contato hoje semana compra venda desconto frete informação reclamação troca defeito "
    "garantia order please delivery payment invoice hello thanks shipping refund broken"
)
WORDS = """
create unlogged table bench_words as
select w.n::int as n, w.word
from unnest(%(common)s::text[] || array(select 'termo' || n from generate_series(1, %(many)s) n))
  with ordinality as w(word, n)
"""
# A word's place is a power of chance, so that few are said often and most seldom, as people do.
FILL = """
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
  status, sender_kind)
select %(tenant_id)s, gen_random_uuid(), %(integration_id)s, %(conversation_id)s, g.n, 'incoming', 'text', g.body,
  'wamid.search.' || g.n, now() - make_interval(secs => (%(total)s - g.n)), 'received', 'contact'
from (
  select p.n, string_agg(w.word, ' ') || case when p.n %% 20 = 0 then ' ' || (1000000 + p.n) else '' end as body
  from (
    select n, 1 + floor(power(random(), 4) * %(many)s)::int as place
    from generate_series(%(first)s::int, %(last)s::int) n, generate_series(1, 7)
  ) p join bench_words w on w.n = p.place
  group by p.n
) g
"""
CONVERSATION = """
with contact as (
  insert into contacts (tenant_id, id, name) values (%(tenant_id)s, gen_random_uuid(), 'Beatriz Conceição')
  returning tenant_id, id
)
insert into conversations (tenant_id, id, integration_id, contact_id)
select tenant_id, gen_random_uuid(), %(integration_id)s, id from contact
returning id
"""
SCAN = """
select id from messages where tenant_id = %(tenant_id)s and body ilike %(pattern)s
order by occurred_at desc limit 20
"""


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    company = bed.company("search")
    agent = company.agent()
    many = bed.messages or bed.size(100_000, 20_000)
    bed.say(f"writing {many} messages …")
    _fill(bed, company, many)
    bed.analyze()
    searching = Searching(bed.database)
    questions = {
        "a rare word": "termo15000",
        "two words": "boleto termo900",
        "a common word": "pedido",
        "a plural without its accent": "reclamacoes",
        "the end of a number": str(1_000_000 + many // 40 * 20)[-5:],
        "the beginning of words": "inform",
    }

    def ask(text: str) -> Callable[[], object]:
        return lambda: searching.search(agent, Search(text), None, 20, messages=True, contacts=True)

    def scan(text: str) -> Callable[[], object]:
        def work() -> object:
            with bed.database.transaction(company.id) as tx:
                return tx.rows(SCAN, pattern=f"%{text}%")

        return work

    spent: list[float] = []
    for name, text in questions.items():
        found = interleave({"ours": timed(ask(text)), "scan": timed(scan(text))}, bed.size(12, 5))
        spent += found["ours"]
        ours, scanned = median(found["ours"]), median(found["scan"])
        note = f"{many} messages; a page of 20 with its excerpts; the scan finds neither stems nor accents"
        yield Row(f"search: {name}", ms(ours), f"scan {ms(scanned)}", ours / scanned, note=note)
    high = percentile(spent, 0.95)
    note = f"{many} messages, all questions"
    must, aim = (300, 100) if many >= 10_000_000 else (None, None)
    yield Row("search, p95", ms(high), "", high * 1000, "ms", must, aim, note=note)


def _fill(bed: Bed, company: Company, many: int) -> None:
    given = {"tenant_id": company.id, "integration_id": company.integration_id}
    with bed.database.transaction(company.id) as tx:
        conversation = tx.value(CONVERSATION, integration_id=company.integration_id)
    with bed.administrator() as admin:
        admin.execute(WORDS.encode(), {"common": COMMON.split(" "), "many": VOCABULARY})
        admin.execute("create unique index on bench_words (n)")
        admin.execute("analyze bench_words")
        for first in range(1, many + 1, PIECE):
            last = min(first + PIECE - 1, many)
            size = {"first": first, "last": last, "total": many, "many": VOCABULARY}
            admin.execute(FILL.encode(), {**given, "conversation_id": conversation, **size})
        admin.execute("drop table bench_words")
