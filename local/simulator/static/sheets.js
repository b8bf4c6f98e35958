// The two sheets: what else can be sent, and what can be done with a message. Each offers what the company's gateway has.

const SAMPLES = [
  ["image", "Picture"],
  ["audio", "Voice note"],
  ["video", "Film"],
  ["document", "Document"],
  ["sticker", "Sticker"],
  ["location", "Location"],
  ["contacts", "Contact card"],
  ["device", "The text, as if typed on the company's own phone"],
];
const EMOJIS = ["👍", "❤️", "😂", "🙏"];

// `kinds`: what a customer can do there. onPick is called with one of them.
export function fillSamples(sheet, kinds, onPick) {
  const offered = SAMPLES.filter(([kind]) => kinds.includes(kind));
  sheet.replaceChildren(...offered.map(([kind, name]) => entry(sheet, name, () => onPick(kind))));
}

// `mine`: the message is the customer's own. onPick is called with "reply", "edit", "delete" or "reaction" and an emoji.
export function openDeeds(sheet, kinds, message, mine, onPick) {
  const rows = [entry(sheet, "Reply", () => onPick("reply"))];
  if (kinds.includes("reaction")) {
    const faces = document.createElement("li");
    faces.className = "faces";
    for (const emoji of EMOJIS) faces.append(button(sheet, emoji, () => onPick("reaction", emoji)));
    rows.unshift(faces);
    if (message.reactions.length > 0) rows.push(entry(sheet, "Take my reaction back", () => onPick("reaction", null)));
  }
  if (mine && message.kind === "text" && kinds.includes("edit")) rows.push(entry(sheet, "Edit", () => onPick("edit")));
  if (mine && kinds.includes("delete")) rows.push(entry(sheet, "Delete for everyone", () => onPick("delete")));
  sheet.replaceChildren(...rows);
  sheet.showPopover();
}

function entry(sheet, name, onClick) {
  const row = document.createElement("li");
  row.append(button(sheet, name, onClick));
  return row;
}

function button(sheet, name, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = name;
  made.addEventListener("click", () => {
    sheet.hidePopover();
    onClick();
  });
  return made;
}
