// The API's page: reads the document that the stack serves and shows every route; a route can be tried from here.

const METHODS = ["get", "post", "put", "patch", "delete"];
const credential = document.getElementById("credential");
const find = document.getElementById("find");
const list = document.getElementById("operations");

/** Make an element with text or children; nothing of the document is ever read as HTML. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `list of ${nameOf(schema.items)}`;
  return [schema.type, schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function headers() {
  const given = credential.value.trim();
  if (!given) return {};
  return given.startsWith("pk_") ? { "x-api-key": given } : { authorization: `Bearer ${given}` };
}

function parametersOf(operation) {
  const fields = (operation.parameters ?? []).map((one) => ({ one, input: element("input", { ariaLabel: one.name }) }));
  if (!fields.length) return { fields, table: null };
  const rows = fields.map(({ one, input }) =>
    element("tr", {}, element("td", {}, element("code", { textContent: one.name })), element("td", {}, input),
      element("td", { textContent: `${one.in}${one.required ? ", needed" : ""}: ${nameOf(one.schema)}` }),
      element("td", { textContent: one.description ?? "" })));
  return { fields, table: element("table", {}, ...rows) };
}

async function send(method, path, fields, body, shown) {
  const asked = { method: method.toUpperCase(), headers: headers() };
  const query = new URLSearchParams();
  let place = path;
  for (const { one, input } of fields) {
    if (one.in === "path") place = place.replace(`{${one.name}}`, encodeURIComponent(input.value));
    else if (input.value && one.in === "query") query.set(one.name, input.value);
    else if (input.value) asked.headers[one.name] = input.value;
  }
  if (body) {
    asked.headers["content-type"] = "application/json";
    asked.body = body.value;
  }
  shown.textContent = "…";
  try {
    const answer = await fetch(`${place}${query.size ? `?${query}` : ""}`, { ...asked, redirect: "manual" });
    const text = await answer.text();
    let told = text;
    try { told = pretty(JSON.parse(text)); } catch { /* shown as it is */ }
    shown.textContent = `${answer.status || "a redirect"}\n${told}`;
  } catch (error) {
    shown.textContent = String(error);
  }
}

function operationOf(path, method, operation) {
  const { fields, table } = parametersOf(operation);
  const content = operation.requestBody?.content?.["application/json"];
  const body = content ? element("textarea", { value: pretty(content.example), ariaLabel: "body" }) : null;
  const shown = element("pre", { hidden: true });
  const button = element("button", { textContent: "Try it" });
  button.addEventListener("click", () => {
    shown.hidden = false;
    send(method, path, fields, body, shown);
  });
  const answers = Object.entries(operation.responses).map(([status, answer]) =>
    element("details", {}, element("summary", {}, `${status}: ${answer.description}`),
      element("pre", { textContent: pretty(answer.content?.["application/json"]?.example ?? {}) })));
  const made = element("details", { className: "operation" },
    element("summary", {}, element("b", { textContent: method.toUpperCase() }), element("code", { textContent: path }),
      " ", element("span", { textContent: operation.summary ?? "" })),
    element("p", { textContent: operation.description ?? "" }), table,
    body && element("p", { textContent: `Body: ${nameOf(content.schema)}` }), body, button, shown, ...answers);
  made.dataset.words = `${method} ${path} ${operation.summary ?? ""}`.toLowerCase();
  return made;
}

function show(api) {
  document.getElementById("about").textContent = api.info.description ?? "";
  const rooms = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => methods[one])) {
      const room = methods[method].tags?.[0] ?? "others";
      rooms.set(room, [...(rooms.get(room) ?? []), operationOf(path, method, methods[method])]);
    }
  }
  const shown = [...rooms].sort(([one], [other]) => one.localeCompare(other));
  list.replaceChildren(...shown.map(([room, operations]) =>
    element("section", {}, element("h2", { textContent: room }), ...operations)));
}

find.addEventListener("input", () => {
  const wanted = find.value.trim().toLowerCase();
  for (const one of list.querySelectorAll(".operation")) one.hidden = !one.dataset.words.includes(wanted);
  for (const room of list.querySelectorAll("section")) room.hidden = !room.querySelector(".operation:not([hidden])");
});

try {
  show(await (await fetch("/v1/openapi.json")).json());
} catch (error) {
  list.textContent = `The document cannot be read: ${error}`;
}
