// The phone: joins the customer, the line and the thread. A message counts as read once this page showed it, visibly.

import { digitsOf, isPhone, keepCompany, keepCustomer, lastCompany, loadCustomer } from "./customer.js";
import * as line from "./line.js";
import { fillSamples, openDeeds } from "./sheets.js";
import { ThreadView } from "./thread.js";

const TYPING_MS = 25_000;
const GROUP = { id: "120363041234567890", name: "Neighbours" };
const find = (id) => document.getElementById(id);
const view = new ThreadView(find("messages"), choose, deeds);
const scroller = find("scroller");
let customer = loadCustomer();
let company = null;
let hangUp = () => {};
let typingEnds = null;
// What the next text is about: {deed: "reply" or "edit", message}, or nothing.
let about = null;

function initials(name) {
  const words = name.trim().split(/\s+/);
  return (words[0]?.[0] ?? "?").concat(words.length > 1 ? words.at(-1)[0] : "").toUpperCase();
}

function trouble(text) {
  find("trouble").textContent = text ?? "";
  find("trouble").hidden = !text;
}

// ------------------------------------------------------------------------------------------------ the thread

function nearEnd() {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
}

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  find("newest").hidden = true;
}

function showTyping(on) {
  clearTimeout(typingEnds);
  const stay = nearEnd();
  find("typing").hidden = !on;
  if (on) typingEnds = setTimeout(() => showTyping(false), TYPING_MS);
  if (stay) toEnd();
}

function onChange(change) {
  const stay = nearEnd();
  if (change.type === "thread") {
    view.clear();
    change.messages.forEach((message) => view.put(message));
    toEnd();
  } else if (change.type === "typing") {
    showTyping(change.on);
  } else if (change.type === "message" && view.put(change.message)) {
    if (change.message.author === "company") showTyping(false);
    if (stay || change.message.author === "customer") toEnd();
    else find("newest").hidden = false;
  }
  find("empty").hidden = view.messages.size > 0;
  reportSeen();
}

function reportSeen() {
  const unread = view.unread();
  if (!company || document.visibilityState !== "visible" || unread.length === 0) return;
  line.reportRead(company.integrationId, chat(), unread).catch(() => {
    // The stream brings them again, still unread, and they are reported then.
  });
}

function onState(state) {
  find("live").dataset.state = state;
  find("live").textContent = state === "live" ? "Live" : "Connecting…";
}

function inGroup() {
  return find("in-group").checked && company.kinds.includes("group");
}

function chat() {
  return inGroup() ? { group: GROUP.id } : { from: digitsOf(customer.phone) };
}

function open() {
  hangUp();
  view.clear();
  view.me = digitsOf(customer.phone);
  showTyping(false);
  trouble();
  aboutNext(null);
  find("in-group-line").hidden = !company.kinds.includes("group");
  fillSamples(find("samples"), company.kinds, sendSample);
  find("company-name").textContent = inGroup() ? GROUP.name : company.name;
  const beside = inGroup() ? `a group with ${company.name}` : company.phone;
  find("company-line").textContent = `${beside} · you are ${customer.name}`;
  find("company-avatar").textContent = initials(inGroup() ? GROUP.name : company.name);
  for (const button of find("companies").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === company.integrationId));
  }
  hangUp = line.listen(company.integrationId, chat(), onChange, onState);
}

// ------------------------------------------------------------------------------------------------ the panel

function panel(on) {
  find("panel").classList.toggle("open", on);
  find("panel-open").setAttribute("aria-expanded", String(on));
  if (on) find("panel-close").focus();
}

function chooseCompany(chosen) {
  company = chosen;
  keepCompany(chosen.integrationId);
  panel(false);
  open();
}

function companyButton(each) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "company";
  button.dataset.id = each.integrationId;
  const avatar = document.createElement("span");
  avatar.className = "avatar";
  avatar.setAttribute("aria-hidden", "true");
  avatar.textContent = initials(each.name);
  const words = document.createElement("span");
  for (const [className, text] of [["name", each.name], ["line", `${each.phone} · ${each.tenantName}`]]) {
    const part = document.createElement("span");
    part.className = className;
    part.textContent = text;
    words.append(part);
  }
  button.append(avatar, words);
  button.addEventListener("click", () => chooseCompany(each));
  const row = document.createElement("li");
  row.append(button);
  return row;
}

find("in-group").addEventListener("change", () => {
  panel(false);
  if (company) open();
});
find("panel-open").addEventListener("click", () => panel(true));
find("panel-close").addEventListener("click", () => {
  panel(false);
  find("panel-open").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && find("panel").classList.contains("open")) find("panel-close").click();
});

find("you").addEventListener("submit", (event) => {
  event.preventDefault();
  const next = { name: find("you-name").value.trim(), phone: find("you-phone").value.trim() };
  const good = next.name !== "" && isPhone(next.phone);
  find("you-said").classList.toggle("bad", !good);
  find("you-said").textContent = good ? `You are ${next.name}.` : "A name, and a phone number with its country code.";
  if (!good) return;
  customer = next;
  keepCustomer(customer);
  panel(false);
  if (company) open();
});

// ------------------------------------------------------------------------------------------------ the composer

// Answers whether it went; what did not is said above the composer.
async function write(what) {
  trouble();
  const where = inGroup() ? { group: GROUP } : {};
  try {
    await line.write(company.integrationId, customer, digitsOf(customer.phone), { ...where, ...what });
    return true;
  } catch (error) {
    trouble(`Not sent. ${error.message}`);
    return false;
  }
}

async function send() {
  const text = find("text").value;
  if (!company || text.trim() === "") return;
  find("text").value = "";
  const to = about;
  aboutNext(null);
  // Nothing written is lost: it goes back unless something new stands there already.
  if (!(await write(worded(text, to))) && find("text").value === "") find("text").value = text;
}

function worded(text, to) {
  if (to?.deed === "edit") return { kind: "edit", target: to.message.id, text };
  return { kind: "text", text, ...(to ? { replyTo: to.message.id } : {}) };
}

function aboutNext(next) {
  if (about?.deed === "edit" && !next) find("text").value = "";
  about = next;
  find("about").hidden = !next;
  if (!next) return;
  const words = next.message.text || next.message.kind;
  find("about-words").textContent = next.deed === "edit" ? `Change “${words}”` : `Answer “${words}”`;
  if (next.deed === "edit") find("text").value = next.message.text;
  find("text").focus();
}

function sendSample(kind) {
  const text = find("text").value;
  if (kind !== "device") return write({ kind });
  if (text.trim() === "") return trouble("Write a text first: it goes out as if typed on the company's own phone.");
  find("text").value = "";
  return write({ kind, text });
}

function deeds(message) {
  openDeeds(find("deeds"), company.kinds, message, view.isMine(message), (deed, emoji) => {
    if (deed === "reply" || deed === "edit") aboutNext({ deed, message });
    else write({ kind: deed, target: message.id, ...(emoji ? { emoji } : {}) });
  });
}

function choose(message, { kind, id, title, description }) {
  return write({ kind: "interactive", choice: { kind, id, title, description }, replyTo: message.id });
}

function kindOf(type) {
  if (type === "image/webp") return "sticker";
  const family = type.split("/")[0];
  return ["image", "audio", "video"].includes(family) ? family : "document";
}

function asDataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

find("file").addEventListener("change", async () => {
  const [file] = find("file").files;
  find("file").value = "";
  if (!company || !file) return;
  const mimeType = file.type || "application/octet-stream";
  const media = { base64: await asDataUri(file), mimeType, fileName: file.name };
  await write({ kind: kindOf(mimeType), media });
});

find("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
find("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
find("about-end").addEventListener("click", () => aboutNext(null));
find("newest").addEventListener("click", toEnd);
scroller.addEventListener("scroll", () => {
  if (nearEnd()) find("newest").hidden = true;
});
document.addEventListener("visibilitychange", reportSeen);

// ------------------------------------------------------------------------------------------------ the start

async function start() {
  find("you-name").value = customer.name;
  find("you-phone").value = customer.phone;
  try {
    const known = await line.companies();
    find("companies").replaceChildren(...known.map(companyButton));
    if (known.length === 0) {
      find("company-name").textContent = "No company yet";
      onState("connecting");
      find("live").textContent = "";
      return;
    }
    company = known.find((each) => each.integrationId === lastCompany()) ?? known[0];
    open();
  } catch (error) {
    trouble(`The simulator does not answer (${error.message}). Trying again…`);
    setTimeout(start, 2000);
  }
}

start();
