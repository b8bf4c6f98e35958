// Draws one thread. Text goes in as text nodes only: whatever somebody writes is words, never markup.

const SVG = "http://www.w3.org/2000/svg";
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

// What the author of a message sees beside it: an icon, and words for those who do not see it.
const CUSTOMER = {
  sending: ["clock", "Sending"],
  delivered: ["ticks", "Delivered to the company"],
  read: ["ticks", "Read by the company"],
  failed: ["alert", "The company's webhook did not take it"],
};
const COMPANY = {
  accepted: ["clock", "accepted"],
  sent: ["tick", "sent"],
  delivered: ["ticks", "delivered"],
  read: ["ticks", "read"],
};

export class ThreadView {
  constructor(list) {
    this.list = list;
    this.clear();
  }

  clear() {
    this.messages = new Map();
    this.lastDay = null;
    this.list.replaceChildren();
  }

  // Draws a message or draws it anew; answers whether it was not there before.
  put(message) {
    const known = this.messages.get(message.id);
    if (known) {
      known.message = message;
      known.meta.replaceWith((known.meta = meta(message)));
      return false;
    }
    this.separate(message.at);
    const row = document.createElement("li");
    row.className = `bubble ${message.author === "customer" ? "customer" : "company-side"}`;
    row.dataset.id = message.id;
    row.append(labelled("unseen", message.author === "customer" ? "You wrote:" : "The company wrote:"));
    const quoted = message.replyTo && this.messages.get(message.replyTo);
    if (quoted) row.append(labelled("quote", quoted.message.text));
    if (message.kind !== "text") row.append(labelled("kind", message.kind));
    const words = labelled("words", message.text);
    words.dir = "auto";
    const metaLine = meta(message);
    row.append(words, metaLine);
    this.list.append(row);
    this.messages.set(message.id, { message, meta: metaLine });
    return true;
  }

  // Ids of what the company wrote, has arrived, and is not yet reported read.
  unread() {
    const arrived = ({ message }) => message.author === "company" && message.state === "delivered";
    return [...this.messages.values()].filter(arrived).map(({ message }) => message.id);
  }

  separate(at) {
    const label = day.format(new Date(at));
    if (label === this.lastDay) return;
    this.lastDay = label;
    const row = document.createElement("li");
    row.className = "day";
    row.textContent = label;
    this.list.append(row);
  }
}

function meta(message) {
  const mine = message.author === "customer";
  const [icon, words] = (mine ? CUSTOMER : COMPANY)[message.state] ?? ["alert", message.state];
  const line = document.createElement("div");
  line.className = "meta";
  line.dataset.state = message.state;
  const clock = document.createElement("time");
  clock.dateTime = message.at;
  clock.textContent = time.format(new Date(message.at));
  line.append(clock);
  // The company's states are told in words as well: they are what the simulator reported to it.
  line.append(labelled(mine ? "unseen" : "state", mine ? words : `· ${words}`), symbol(icon));
  return line;
}

function labelled(className, text) {
  const part = document.createElement(className === "words" || className === "quote" ? "div" : "span");
  part.className = className;
  part.textContent = text;
  return part;
}

function symbol(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}
