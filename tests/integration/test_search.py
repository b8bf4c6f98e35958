"""Search: what is found by which words, in which order, by whom, and that it is found by an index."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import psycopg
import pytest

from parley.domain.principal import Principal
from parley.services.process import Processor
from parley.services.search import POOL, Position, Search, Searching
from parley.store.database import Database
from parley.store.ids import new_id

from .naive.searching import NAIVE

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CANARY = "canario-4417"
EVERYTHING = "null, null, null, null, null, null, false, null, null, 10"
Write = Callable[..., uuid.UUID]


class Office:
    """One company: contacts with a conversation each, and what was written there."""

    def __init__(self, database: Database, tenant_id: uuid.UUID, integration_id: uuid.UUID) -> None:
        self._database = database
        self.tenant_id = tenant_id
        self.integration_id = integration_id
        self._number = 0

    def run(self, statement: str, **given: Any) -> int:
        with self._database.transaction(self.tenant_id) as tx:
            return tx.execute(statement, **given)

    def contact(self, name: str | None = None, phone: str | None = None, **attributes: Any) -> uuid.UUID:
        id_ = new_id()
        self.run(
            "insert into contacts (tenant_id, id, name, attributes) values (%(tenant_id)s, %(id)s, %(name)s, %(more)s)",
            id=id_, name=name, more=psycopg.types.json.Jsonb(attributes),
        )  # fmt: skip
        if phone:
            self.alias(id_, phone)
        return id_

    def alias(self, contact_id: uuid.UUID, phone: str) -> None:
        self.run(
            "insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id) values"
            " (%(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(phone)s, %(phone)s, %(id)s)",
            phone=phone, id=contact_id,
        )  # fmt: skip

    def thread(self, contact_id: uuid.UUID | None = None, assignee: uuid.UUID | None = None) -> uuid.UUID:
        id_ = new_id()
        self.run(
            "insert into conversations (tenant_id, id, integration_id, contact_id, assignee_id) values"
            " (%(tenant_id)s, %(id)s, %(integration_id)s, %(contact_id)s, %(assignee)s)",
            id=id_, integration_id=self.integration_id, contact_id=contact_id or self.contact(), assignee=assignee,
        )  # fmt: skip
        return id_

    def write(self, text: str, thread: uuid.UUID, at: int = 0) -> uuid.UUID:
        id_, self._number = new_id(), self._number + 1
        self.run(
            "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
            " provider_message_id, occurred_at, status, sender_kind)"
            " values (%(tenant_id)s, %(id)s, %(line)s, %(thread)s, %(number)s, 'incoming', 'text',"
            " %(text)s, %(key)s, %(at)s, 'received', 'contact')",
            id=id_, line=self.integration_id, thread=thread, number=self._number, text=text, key=f"wamid.{id_}",
            at=START + timedelta(seconds=at),
        )  # fmt: skip
        return id_


@pytest.fixture
def office(database: Database, tenant: uuid.UUID, integration: uuid.UUID) -> Office:
    """The company that is searched."""
    return Office(database, tenant, integration)


@pytest.fixture
def searching(database: Database) -> Searching:
    """Search on the test's database."""
    return Searching(database)


@pytest.fixture
def look(searching: Searching, agent: Principal) -> Callable[..., list[Any]]:
    """All results of a search, page by page: `look("boleto", limit=2)`."""

    def looked(
        text: str, *, by: Principal = agent, limit: int = 50, messages: bool = True, contacts: bool = True, **more: Any
    ) -> list[Any]:
        return list(walk(searching, by, Search(text, **more), limit, messages, contacts))

    return looked


def walk(
    searching: Searching, by: Principal, wanted: Search, limit: int, messages: bool, contacts: bool
) -> Iterator[Any]:
    after: Position | None = None
    while True:
        page = searching.search(by, wanted, after, limit, messages=messages, contacts=contacts)
        assert len(page.items) <= limit
        yield from page.items
        after = page.after
        if after is None:
            return


def texts(results: list[Any]) -> list[str]:
    return [one["message"]["text"] for one in results if one["message"]]


def names(results: list[Any]) -> list[str]:
    return [one["contact"]["name"] for one in results if one["contact"]]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Preciso de informações sobre o cartão", "informacao"),
        ("Qual a informação?", "INFORMAÇÕES"),
        ("Recebi suas mensagens", "mensagem"),
        ("Perdi os cartões", "cartao"),
        ("Já paguei os boletos", "boleto"),
        ("Os hotéis são caros", "hotel"),
        ("When are you delivering?", "delivered"),
        ("They shipped two orders", "shipping order"),
        ("São João fica longe", "sao joao"),
        ("Sa\u0303o Joa\u0303o fica longe", "são"),
        ("O pagamento caiu", "pagam"),
        ("Pedido 1234567 chegou", "4567"),
        ("Pedido 1234567 chegou", "345"),
        ("Ligue 98765-4321", "987654321"),
        ("Ligue (11) 98765-4321", "1198765"),
        ("Boleto 34191.79001 01043.510047", "0104351"),
        ("Escreva para ana@acme.example", "acme"),
        ("Bom dia a todos", '"bom dia"'),
        ("It is what it is", "it is"),
        ("Straße é rua", "strasse"),
        ("ﬁnanças em ordem", "financas"),
    ],
)
def test_a_message_is_found(office: Office, look: Any, written: str, asked: str) -> None:
    office.write(written, office.thread())
    assert texts(look(asked)) == [written]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Quero pagar o boleto", "pagar cartao"),
        ("dia bom", '"bom dia"'),
        ("Pedido 1234567", "9999"),
        ("Bom dia", "tarde"),
        ("abacate", "aba ze"),
    ],
)
def test_a_message_that_does_not_fit_is_not_found(office: Office, look: Any, written: str, asked: str) -> None:
    office.write(written, office.thread())
    assert look(asked) == []


@pytest.mark.parametrize(
    "hostile",
    ["   ", "&|!()<->", "'", '"', '""', '"""', "\\", "':*", "%", "_", "a" * 256, "!" * 256, "\u202e\u200b", "😀",
     "ﷺ" * 256, "' or 1=1 --", "x':*A & 'y", "1" * 256, "('" * 128, "<->" * 80, "-",
     "a b " * 64, "\u0301", "\x01\x02", "٣٤٥"],
)  # fmt: skip
def test_no_question_is_an_error(office: Office, look: Any, hostile: str) -> None:
    office.contact("Somebody")
    office.write("Nothing of the kind", office.thread())
    assert [one for one in look(hostile) if one["message"]] == []


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 30000,
        "y" * 2040,
        "é" * 1020,
        "9" * 60000,
        "ﷺ" * 20000,
        "x" * 70000,
        " ".join(f"w{n}" for n in range(12000)),
        "\u0301" * 5000,
    ],
)
def test_no_text_is_too_much_to_be_stored(office: Office, text: str) -> None:
    id_ = office.write(text, office.thread())
    assert office.run("select from messages where tenant_id = %(tenant_id)s and id = %(id)s", id=id_) == 1


def test_an_edited_message_is_found_by_its_newest_text_and_a_deleted_one_not_at_all(office: Office, look: Any) -> None:
    id_ = office.write("O azul", office.thread())
    office.run("update messages set body = 'O vermelho' where tenant_id = %(tenant_id)s and id = %(id)s", id=id_)
    assert look("azul") == []
    assert texts(look("vermelho")) == ["O vermelho"]
    office.run("update messages set deleted_at = now() where tenant_id = %(tenant_id)s and id = %(id)s", id=id_)
    assert look("vermelho") == []
    office.run("update messages set deleted_at = null where tenant_id = %(tenant_id)s and id = %(id)s", id=id_)
    assert texts(look("vermelho")) == ["O vermelho"]
    office.run("delete from messages where tenant_id = %(tenant_id)s and id = %(id)s", id=id_)
    assert look("vermelho") == []


def test_what_a_webhook_brings_is_found_at_once_and_so_is_who_wrote_it(
    processor: Processor, door: Any, meta: Any, look: Any, office: Office
) -> None:
    processor.process([door(meta.body(messages=[meta.text("wamid.1", "5511955550100", "Onde está o pacote?")]))])
    assert texts(look("pacotes")) == ["Onde está o pacote?"]
    assert [one["contact"]["phone"] for one in look("955550100")] == ["+5511955550100"]


def test_whole_words_come_before_stems_and_beginnings_and_the_newer_before_the_older(office: Office, look: Any) -> None:
    thread = office.thread()
    older = office.write("Troca pedida", thread, at=0)
    newer = office.write("Troca pedida", thread, at=10)
    office.write("Trocando tudo", thread, at=20)
    office.write("Trocadilho aqui", thread, at=30)
    found = [one["message"]["id"] for one in look("troca")]
    assert found[:2] == [str(newer), str(older)]
    assert len(found) == 4


def test_an_excerpt_is_parts_around_the_hit_and_they_are_the_text(office: Office, look: Any) -> None:
    text = f"{'palavra ' * 40}<b>Informações</b> &amp; mais {'fim ' * 80}"
    office.write(text, office.thread())
    [result] = look("informacao")
    assert [part["text"] for part in result["excerpt"] if part["hit"]] == ["Informações"]
    whole = "".join(part["text"] for part in result["excerpt"])
    assert whole in text
    assert len(whole) <= 240


def test_filters_and_times_narrow(office: Office, look: Any, make_integration: Any, tenant: uuid.UUID) -> None:
    first, second = office.thread(), office.thread()
    office.write("boleto um", first, at=0)
    office.write("boleto dois", second, at=100)
    office.integration_id = make_integration(tenant)
    office.write("boleto três", office.thread(), at=200)
    assert texts(look("boleto", since=START + timedelta(seconds=50), before=START + timedelta(seconds=200))) == [
        "boleto dois"
    ]
    assert texts(look("boleto", conversation_id=first)) == ["boleto um"]
    assert texts(look("boleto", integration_id=office.integration_id)) == ["boleto três"]
    assert look("boleto", conversation_id=uuid.uuid4()) == []
    assert look("boleto", messages=False) == []


def test_pages_hold_everything_once_over_several_pools_while_more_is_written(
    office: Office, searching: Searching, agent: Principal
) -> None:
    thread = office.thread()
    many = POOL + 50
    office.run(
        "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
        " provider_message_id, occurred_at, status, sender_kind)"
        " select %(tenant_id)s, gen_random_uuid(), %(line)s, %(thread)s, 1000 + n, 'incoming', 'text',"
        " repeat('pacote ', 1 + n %% 3) || n, 'w.' || n, %(start)s + make_interval(secs => n / 2), 'received',"
        " 'contact'"
        " from generate_series(1, %(many)s) n",
        line=office.integration_id, thread=thread, start=START, many=many,
    )  # fmt: skip
    found: list[str] = []
    for place, one in enumerate(walk(searching, agent, Search("pacote"), 37, True, True)):
        if place % 40 == 0:
            office.write("pacote novo", thread, at=100_000 + place)
        found.append(one["message"]["text"])
    assert len(found) == len(set(found)) == many


def test_a_contact_is_found_by_any_part_of_its_name_by_every_number_and_by_what_was_noted(
    office: Office, look: Any
) -> None:
    ana = office.contact("Ana Conceição", "5511987654321", plan="Ouro Plus", code=778899)
    office.alias(ana, "551133334444")
    office.contact("Bruno", "5521911112222")
    for asked in ("conceicao", "ceica", "ana con", "A", "+55 11 98765-4321", "(11) 8765-4321", "1187654321", "33334444",
                  "ouro", "8899"):  # fmt: skip
        assert names(look(asked)) == ["Ana Conceição"], asked
    assert look("Plan") == []
    office.run("update contacts set name = 'Ana Souza' where tenant_id = %(tenant_id)s and id = %(id)s", id=ana)
    assert look("conceicao") == []
    assert names(look("souza")) == ["Ana Souza"]


def test_the_best_contact_comes_first_and_pages_hold_each_once(office: Office, look: Any) -> None:
    for name in ("Mariana", "Ana", "Ana Paula", "Juliana", "Paula Ana"):
        office.contact(name)
    found = names(look("ana", limit=2))
    assert found[:3] == ["Ana", "Ana Paula", "Paula Ana"]
    assert sorted(found) == ["Ana", "Ana Paula", "Juliana", "Mariana", "Paula Ana"]


def test_who_was_joined_to_another_is_found_as_that_one(office: Office, look: Any) -> None:
    kept, gone = office.contact("Carla", "5511900000001"), office.contact("Carlinha", "5511900000002")
    office.run("update contact_aliases set contact_id = %(kept)s where contact_id = %(gone)s", kept=kept, gone=gone)
    office.run("update contacts set merged_into = %(kept)s where id = %(gone)s", kept=kept, gone=gone)
    assert names(look("900000002")) == ["Carla"]
    assert names(look("carlinha")) == []


def test_another_company_is_never_found(
    database: Database,
    office: Office,
    look: Any,
    make_tenant: Any,
    make_integration: Any,
    make_user: Any,
    server: Any,
    database_name: str,
) -> None:
    other = make_tenant("Other")
    theirs = Office(database, other, make_integration(other))
    theirs.write(CANARY, theirs.thread(theirs.contact(CANARY)))
    assert look(CANARY) == []
    assert look("4417") == []
    assert len(look(CANARY, by=make_user(other, "Eva"))) == 2
    assert found_by_the_functions(database, office.tenant_id) == 0
    with psycopg.connect(server.database_url(database_name), autocommit=True) as admin:
        for name in ("search_messages", "search_contacts"):
            written = admin.execute("select pg_get_functiondef(%s::regproc)", [name]).fetchone()[0]  # type: ignore[index]
            without, times = re.subn(r"\b[mpw]\.tenant_id = tenant\s+and ", "", written)
            assert times >= 1
            admin.execute(without)
    assert found_by_the_functions(database, office.tenant_id) == 2, "it is the predicate that keeps them apart"
    assert look(CANARY) == [], "and where it were not there, row-level security would"


def found_by_the_functions(database: Database, tenant_id: uuid.UUID) -> int:
    """How much of the canary the two functions answer to a company, before anything is read as the caller."""
    with database.transaction(tenant_id) as tx:
        messages = tx.rows(f"select * from search_messages(%(given)s, {EVERYTHING})", given=CANARY)
        return len(messages) + len(tx.rows("select * from search_contacts(%(g)s, null, null, null, 10)", g=CANARY))


def test_nobody_reads_the_words_but_the_functions(database: Database, tenant: uuid.UUID) -> None:
    for table in ("message_words", "contact_words"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction(tenant) as tx:
            tx.rows(f"select * from {table}")


@pytest.mark.parametrize("rule", ["own", "integrations"])
def test_an_agent_finds_only_what_they_may_see(
    database: Database,
    office: Office,
    look: Any,
    agent: Principal,
    make_user: Any,
    tenant: uuid.UUID,
    rule: str,
) -> None:
    colleague, admin = make_user(tenant, "Bia"), make_user(tenant, "Chefe", role="admin")
    office.run(
        "update tenants set settings = settings || jsonb_build_object('agentsSee', %(rule)s::text)"
        " where id = %(tenant_id)s",
        rule=rule,
    )
    office.write("segredo dela", office.thread(assignee=colleague.id))
    office.write("segredo meu", office.thread(assignee=agent.id))
    restricted = replace(agent, restricted=True)
    assert texts(look("segredo", by=restricted)) == ["segredo meu"]
    with database.transaction(tenant, viewer=agent.id) as tx:
        assert len(tx.rows(f"select * from search_messages('segredo', {EVERYTHING})")) == 1
    assert sorted(texts(look("segredo", by=admin))) == ["segredo dela", "segredo meu"]


YEARS = """
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
  status, sender_kind)
select %(tenant_id)s, gen_random_uuid(), %(line)s, %(thread)s, 1000 + n, 'incoming', 'text',
  'comum ' || case when n %% 7 = 0 then 'sete bom dia ' else 'dia bom ' end
    || case when n %% 400 = 0 then 'raridade ' else '' end || case when n > 2000 then 'antigamente ' else '' end || n,
  'w.' || n, case when n = 3500 then '0099-05-05' when n = 3499 then '1969-12-31' else %(start)s end::timestamptz
    - make_interval(hours => n + case when n > 1500 then 30000 else 0 end + greatest(0, 5 * (n - 3000))),
  'received', 'contact'
from generate_series(1, 3500) n
"""
# What a search is to find: every row held against the question, no index asked.
EVERY_ROW = """
select w.message_id from message_words w
where w.tenant_id = %(tenant)s and w.words @@ search_query(%(given)s) and w.occurred_at < %(before)s
  and w.occurred_at >= %(since)s
order by w.occurred_at desc, w.message_id desc limit 90
"""


@pytest.mark.parametrize(
    "asked", ["comum", "sete", "raridade", "antigamente", '"bom dia"', "raridade sete", "comu rar", "1234", "nirgends"]
)
def test_however_far_back_it_finds_the_newest_that_fit_and_no_other_companys(
    database: Database,
    office: Office,
    make_tenant: Any,
    make_integration: Any,
    server: Any,
    database_name: str,
    asked: str,
) -> None:
    other = make_tenant("Other")
    for written in (office, Office(database, other, make_integration(other))):
        written.run(YEARS, line=written.integration_id, thread=written.thread(), start=START)
    with psycopg.connect(server.database_url(database_name), autocommit=True) as admin:
        for back, far in product((0, 30, 1400, 20_000, 33_000, 40_000), (50, 5_000, 16_000_000)):
            before = START - timedelta(hours=back)
            given = {"given": asked, "before": before, "since": before - timedelta(hours=far)}
            expected = admin.execute(EVERY_ROW.encode(), {"tenant": office.tenant_id, **given}).fetchall()
            with database.transaction(office.tenant_id) as tx:
                found = tx.rows(
                    "select id from search_messages(%(given)s, %(since)s, %(before)s, null, null, null, null, false,"
                    " null, null, 90)",
                    **given,
                )
            assert [row["id"] for row in found] == [row[0] for row in expected], (back, far)
            assert found or asked == "nirgends" or (back, far) != (0, 16_000_000)


@pytest.mark.parametrize("told", [3500, 60_000], ids=["short threads are read", "beside long ones the index is asked"])
@pytest.mark.parametrize("asked", ["comum", "sete", "raridade"])
def test_however_far_back_an_agent_finds_only_what_they_may_see(
    database: Database,
    office: Office,
    agent: Principal,
    make_user: Any,
    make_integration: Any,
    tenant: uuid.UUID,
    server: Any,
    database_name: str,
    told: int,
    asked: str,
) -> None:
    office.run('update tenants set settings = settings || \'{"agentsSee": "own"}\'::jsonb where id = %(tenant_id)s')
    mine, theirs = office.thread(assignee=agent.id), office.thread(assignee=make_user(tenant, "Bia").id)
    for line, thread in ((office.integration_id, mine), (make_integration(tenant), theirs)):
        office.run(YEARS, line=line, thread=thread, start=START)
    office.run("update conversations set last_number = %(told)s where tenant_id = %(tenant_id)s", told=told)
    with psycopg.connect(server.database_url(database_name), autocommit=True) as admin:
        expected = admin.execute(
            "select message_id from message_words where conversation_id = %s and words @@ search_query(%s)"
            " order by occurred_at desc, message_id desc limit 10",
            [mine, asked],
        ).fetchall()
    with database.transaction(tenant, viewer=agent.id) as tx:
        found = tx.rows(f"select id from search_messages(%(given)s, {EVERYTHING})", given=asked)
    assert [row["id"] for row in found] == [row[0] for row in expected]


def test_search_uses_its_index_and_the_naive_way_cannot(
    database: Database, office: Office, owner_url: str, server: Any, database_name: str
) -> None:
    thread = office.thread()
    office.run(
        "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
        " provider_message_id, occurred_at, status, sender_kind)"
        " select %(tenant_id)s, gen_random_uuid(), %(line)s, %(thread)s, 1000 + n, 'incoming', 'text',"
        " 'palavra ' || n, 'w.' || n, now(), 'received', 'contact' from generate_series(1, 5000) n",
        line=office.integration_id, thread=thread,
    )  # fmt: skip
    with psycopg.connect(server.database_url(database_name), autocommit=True) as admin:
        # The best that could be done for the naive way.
        admin.execute("create index on messages using gin (body gin_trgm_ops)")
        admin.execute("vacuum (analyze)")
    with database.transaction(office.tenant_id) as tx:
        tx.execute("set local enable_seqscan = off")
        plan = str(tx.rows(f"explain {NAIVE}", pattern="%4321%"))
        assert "messages_body_idx" not in plan
        tx.rows(f"select * from search_messages('4321', {EVERYTHING})")
        used = tx.value("select pg_stat_get_xact_numscans('message_words_marked'::regclass)")
    assert used >= 1
