"""Two agents of one company in two real browsers, each at the example inbox on the running stack: what one does shows
at the other, and what is sent leaves once. What the gateway got counts, as its own request log has it.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 60_000
SCRIPT = "**/examples/dist/client.js"
SENDING = "**/v1/conversations/*/messages"
REMEMBER_WHO_WAS_HERE = """() => {
  const here = document.getElementById("here");
  window.seen = [here.textContent];
  new MutationObserver(() => window.seen.push(here.textContent)).observe(here, { childList: true });
}"""
TURN_TO = """(visibility) => {
  Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")]


class Tab:
    """The example inbox of one person, in one tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        self.wait_until_live()

    def wait_until_live(self) -> None:
        """Wait for the socket's welcome."""
        self.page.get_by_role("status").filter(has_text="live").wait_for()

    def open(self, name: str, says: str) -> None:
        """Open the conversation with a customer, and wait for what they wrote."""
        self.page.get_by_role("button", name=name).click()
        self.line(says).wait_for()

    def write(self, text: str) -> None:
        """Type an answer, and leave it unsent."""
        self.page.get_by_label("Message").press_sequentially(text)

    def send(self, text: str) -> None:
        """Write an answer and send it."""
        self.page.get_by_label("Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def line(self, text: str, note: str = "") -> Locator:
        """The message of the open thread; `note`: what stands beside it."""
        return self.page.get_by_role("listitem").filter(has_text=text).filter(has_text=note)

    def decide(self, text: str, choice: str) -> None:
        """Answer the question that an unsent message asks."""
        self.line(text).get_by_role("button", name=choice).click()

    def shows_here(self, name: str, *, present: bool = True) -> None:
        """Wait until somebody is among those who are here, or is not."""
        here = expect(self.page.locator("#here"))
        (here.to_contain_text if present else here.not_to_contain_text)(name, timeout=PATIENCE_MS)

    def shows_typing(self, text: str) -> None:
        """Wait until this is what is said of others' typing."""
        expect(self.page.locator("#typing")).to_have_text(text, timeout=PATIENCE_MS)

    def looks(self, *, elsewhere: bool) -> None:
        """Hide the page behind another, or show it again: windows without a screen do not cover each other."""
        self.page.evaluate(TURN_TO, "hidden" if elsewhere else "visible")

    @contextmanager
    def slow_reload(self) -> Iterator[None]:
        """Reload the page; its script comes only after what is done meanwhile."""
        held: list[Route] = []
        self.page.route(SCRIPT, lambda route: held.insert(0, route))
        with self.page.expect_request(SCRIPT):
            self.page.reload(wait_until="commit")
        yield
        held.pop().continue_()

    def remember_who_was_here(self) -> None:
        """Keep every state that is shown from now on."""
        self.page.evaluate(REMEMBER_WHO_WAS_HERE)

    def seen(self) -> list[str]:
        """Every state that was shown since."""
        found: list[str] = self.page.evaluate("() => window.seen")
        return found


class Agent:
    """A person with a browser of their own, or a profile of one; tabs share what it stores."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.context: BrowserContext = browser.new_context()
        self._url = url

    def tab(self) -> Tab:
        """Open the inbox in a new tab."""
        return Tab(self.context.new_page(), self._url)

    def offline(self, *, is_off: bool = True) -> None:
        """Take this person's network away, or give it back."""
        self.context.set_offline(is_off)


@dataclass
class Company:
    """The demo's first company: its people at their browsers, its customers at their phones."""

    demo: dict[str, Any]
    browsers: list[Browser]
    contexts: list[BrowserContext]

    def agent(self, name: str) -> Agent:
        """One of Ana, Bruno and Clara; Ana's browser is her own."""
        user = next(each for each in self.demo["tenants"][0]["users"] if each["name"] == name)
        browser = self.browsers[name != "Ana"]
        agent = Agent(browser, f"{self.demo['baseUrl']}/examples/inbox.html#token={user['token']}")
        self.contexts.append(agent.context)
        return agent

    def customer_writes(self) -> tuple[str, str]:
        """Somebody new writes; their name and their words."""
        name = f"Customer {uuid4().hex[:8]}"
        said = f"Hello from {name}"
        written = {"integrationId": self._number, "from": f"5511{uuid4().int % 10**9:09d}", "name": name}
        httpx.post(
            f"{self.demo['baseUrl']}/simulator/messages", json={**written, "kind": "text", "text": said}
        ).raise_for_status()
        return name, said

    def at_the_gateway(self, text: str) -> int:
        """How often the gateway was asked to send this."""
        asked = {"integrationId": self._number, "contains": text}
        found = httpx.get(f"{self.demo['baseUrl']}/simulator/requests", params=asked).raise_for_status().json()["data"]
        return len(found)

    @property
    def _number(self) -> str:
        number: str = self.demo["tenants"][0]["integrations"][0]["id"]
        return number


@pytest.fixture(scope="module")
def browsers() -> Iterator[list[Browser]]:
    """Two browsers."""
    with sync_playwright() as playwright:
        started = [playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) for _ in range(2)]
        yield started
        for browser in started:
            browser.close()


@pytest.fixture
def company(demo: dict[str, Any], browsers: list[Browser]) -> Iterator[Company]:
    """The company; everybody goes home after the test."""
    company = Company(demo, browsers, [])
    yield company
    for context in company.contexts:
        context.close()


@pytest.fixture
def leave_once(company: Company) -> Callable[[Tab, str], None]:
    """Checks that a message left once: one that is written after it in the same conversation left after it."""

    def check(tab: Tab, text: str) -> None:
        tab.line(text, "read").wait_for()
        last = f"And this after it, {uuid4().hex[:8]}"
        tab.send(last)
        tab.line(last, "read").wait_for()
        assert tab.line(text).count() == 1
        assert company.at_the_gateway(text) == 1
        assert company.at_the_gateway(last) == 1

    return check


def answer() -> str:
    """Words that no other message has."""
    return f"Until six, {uuid4().hex[:8]}"


def test_what_one_agent_types_shows_at_the_other(company: Company) -> None:
    ana, bruno = company.agent("Ana").tab(), company.agent("Bruno").tab()
    name, said = company.customer_writes()
    ana.open(name, said)
    bruno.open(name, said)
    ana.write("Until")
    bruno.shows_typing("Ana …")
    ana.shows_typing("")  # nobody is told of their own
    bruno.shows_typing("")  # she stopped
    bruno.write("At six")
    ana.shows_typing("Bruno …")
    bruno.send(text := answer())
    ana.line(text).wait_for()
    ana.shows_typing("")


def test_an_agent_is_here_over_a_reload_and_until_the_last_of_two_tabs_closes(company: Company) -> None:
    ana, bruno, clara = company.agent("Ana"), company.agent("Bruno").tab(), company.agent("Clara")
    first, second, other = ana.tab(), ana.tab(), clara.tab()
    bruno.shows_here("Ana (online)")
    bruno.shows_here("Clara (online)")
    bruno.remember_who_was_here()
    second.page.close()
    with first.slow_reload():
        # So long that what happens after her going is told meanwhile: Clara looks elsewhere, and back.
        other.looks(elsewhere=True)
        bruno.shows_here("Clara (away)")
        other.looks(elsewhere=False)
        bruno.shows_here("Clara (online)")
    first.wait_until_live()
    clara.context.close()
    # Clara went last: whoever had gone with a tab or a reload would be shown as gone by the time that she is.
    bruno.shows_here("Clara", present=False)
    assert [here for here in bruno.seen() if "Ana (online)" not in here] == []
    first.page.close()
    bruno.shows_here("Ana", present=False)


def test_what_was_written_offline_leaves_once_when_the_network_is_back(
    company: Company, leave_once: Callable[[Tab, str], None]
) -> None:
    ana, bruno = company.agent("Ana"), company.agent("Bruno").tab()
    name, said = company.customer_writes()
    tab = ana.tab()
    tab.open(name, said)
    bruno.open(name, said)
    ana.offline()
    with ana.context.expect_event("requestfailed", is_sending, timeout=PATIENCE_MS):
        tab.send(text := answer())
    tab.line(text, "queued").wait_for()
    assert company.at_the_gateway(text) == 0
    ana.offline(is_off=False)
    bruno.line(text, "read").wait_for()
    leave_once(tab, text)


def test_a_send_whose_answer_was_lost_is_still_one_message(
    company: Company, leave_once: Callable[[Tab, str], None]
) -> None:
    ana = company.agent("Ana").tab()
    ana.open(*company.customer_writes())
    sent: list[Request] = []

    def lose_the_first_answer(route: Route) -> None:
        if not is_sending(route.request):
            route.continue_()
            return
        sent.append(route.request)
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    ana.page.route(SENDING, lose_the_first_answer)
    ana.send(text := answer())
    leave_once(ana, text)
    assert [text in str(request.post_data) for request in sent] == [True, True, False]


def test_two_tabs_of_one_agent_send_what_waits_once(company: Company, leave_once: Callable[[Tab, str], None]) -> None:
    ana = company.agent("Ana")
    first, second = ana.tab(), ana.tab()
    customer = company.customer_writes()
    first.open(*customer)
    second.open(*customer)
    ana.offline()
    first.send(text := answer())
    second.line(text, "queued").wait_for()
    answered: list[str] = []
    ana.context.on("requestfinished", lambda request: answered.append(str(request.post_data)))
    ana.offline(is_off=False)
    first.line(text, "read").wait_for()
    leave_once(second, text)
    # Not only the key made it one message: the tabs took turns.
    assert [text in body for body in answered].count(True) == 1


def test_what_a_closed_tab_left_is_sent_by_the_other(company: Company, leave_once: Callable[[Tab, str], None]) -> None:
    ana = company.agent("Ana")
    first, second = ana.tab(), ana.tab()
    customer = company.customer_writes()
    first.open(*customer)
    second.open(*customer)
    ana.offline()
    first.send(text := answer())
    second.line(text, "queued").wait_for()
    first.page.close()
    ana.offline(is_off=False)
    leave_once(second, text)


@pytest.mark.parametrize("choice", ["discard", "send"])
def test_an_answer_that_comes_after_a_colleagues_is_a_question(
    company: Company, leave_once: Callable[[Tab, str], None], choice: str
) -> None:
    ana, bruno = company.agent("Ana"), company.agent("Bruno").tab()
    name, said = company.customer_writes()
    tab = ana.tab()
    tab.open(name, said)
    bruno.open(name, said)
    ana.offline()
    tab.send(late := answer())
    tab.line(late, "queued").wait_for()
    bruno.send(early := answer())
    bruno.line(early, "read").wait_for()
    ana.offline(is_off=False)
    tab.line(late, "stale").wait_for()
    tab.line(early).wait_for()
    assert company.at_the_gateway(late) == 0
    tab.decide(late, choice)
    if choice == "send":
        leave_once(tab, late)
        bruno.line(late).wait_for()
        return
    expect(tab.line(late)).to_have_count(0, timeout=PATIENCE_MS)
    # What comes after it leaves, and it does not come along.
    tab.send(after := answer())
    leave_once(tab, after)
    assert company.at_the_gateway(late) == 0


def is_sending(request: Request) -> bool:
    """Whether a request sends a message."""
    return request.method == "POST" and request.url.endswith("/messages")
