// Draws one thread. Text goes in as text nodes only: whatever somebody writes is words, never markup; a file is shown
// only by an element that cannot run it.

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
  played: ["ticks", "played"],
};

// What has neither a file nor words that tell what it is.
const KINDS = { location: "Location", contacts: "Contact", template: "Template" };

export class ThreadView {
  // onChoose is called with a message and the button or row of it that was picked, onDeeds with a message to act on.
  constructor(list, onChoose, onDeeds) {
    this.list = list;
    this.onChoose = onChoose;
    this.onDeeds = onDeeds;
    this.me = null;
    this.clear();
  }

  clear() {
    this.messages = new Map();
    this.lastDay = null;
    this.list.replaceChildren();
  }

  // In a group, only what this customer wrote.
  isMine(message) {
    return message.author === "customer" && (!message.sender || message.sender === this.me);
  }

  // Draws a message or draws it anew; answers whether it was not there before.
  put(message) {
    const known = this.messages.get(message.id);
    if (known) {
      const old = known.message;
      known.message = message;
      if (looks(old) === looks(message)) known.meta.replaceWith((known.meta = meta(message)));
      else this.draw(known);
      return false;
    }
    this.separate(message.at);
    const row = document.createElement("li");
    row.className = `bubble ${this.isMine(message) ? "customer" : "company-side"}`;
    row.dataset.id = message.id;
    const drawn = { message, row, meta: null };
    this.messages.set(message.id, drawn);
    this.draw(drawn);
    this.list.append(row);
    return true;
  }

  draw(drawn) {
    const { message, row } = drawn;
    const member = message.sender && !this.isMine(message) ? `+${message.sender}` : null;
    const who = message.author === "customer" ? "You" : "The company";
    row.replaceChildren(labelled(member ? "sender" : "unseen", member ?? `${who} wrote:`));
    const quoted = message.replyTo && this.messages.get(message.replyTo);
    if (quoted) row.append(labelled("quote", quoted.message.text || quoted.message.kind));
    if (message.deleted) row.append(labelled("kind", "This message was deleted"));
    else if (message.media) row.append(file(message));
    else if (KINDS[message.kind]) row.append(labelled("kind", KINDS[message.kind]));
    if (message.text) {
      const words = labelled("words", message.text);
      words.dir = "auto";
      row.append(words);
    }
    for (const choice of message.content?.choices ?? []) row.append(this.option(message, choice));
    drawn.meta = meta(message);
    row.append(drawn.meta);
    if (message.reactions.length > 0) row.append(labelled("reactions", message.reactions.join(" ")));
    if (!message.deleted) row.append(this.handle(message));
  }

  handle(message) {
    const button = labelled("handle", "⋯");
    button.type = "button";
    button.setAttribute("aria-label", "React, reply and more");
    button.addEventListener("click", () => this.onDeeds(message));
    return button;
  }

  option(message, choice) {
    const button = labelled("choice", choice.title);
    button.type = "button";
    button.addEventListener("click", () => this.onChoose(message, choice));
    return button;
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
  if (message.edited) line.append(labelled("edited", "edited"));
  line.append(clock);
  // The company's states are told in words as well: they are what the simulator reported to it.
  line.append(labelled(mine ? "unseen" : "state", mine ? words : `· ${words}`), symbol(icon));
  return line;
}

// What a message looks like but for its ticks.
function looks(message) {
  return JSON.stringify([message.text, message.deleted, message.edited, message.reactions]);
}

function file(message) {
  const { url, mimeType, fileName, size } = message.media;
  const family = mimeType.split("/")[0];
  if (family === "image" || message.kind === "sticker") {
    const picture = document.createElement("img");
    picture.className = message.kind;
    picture.src = url;
    picture.alt = message.kind;
    return picture;
  }
  if (family === "audio" || family === "video") {
    const player = document.createElement(family);
    player.controls = true;
    player.preload = "metadata";
    player.src = url;
    return player;
  }
  const link = labelled("file", `${fileName ?? message.kind} (${Math.ceil(size / 1024)} kB)`);
  link.href = url;
  link.download = fileName ?? "";
  return link;
}

const ELEMENTS = { handle: "button", words: "div", quote: "div", reactions: "div", choice: "button", file: "a", sender: "div" };

function labelled(className, text) {
  const part = document.createElement(ELEMENTS[className] ?? "span");
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
