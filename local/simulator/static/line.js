// The page's line to the simulator: a few requests and one stream. Paths are relative to the port, so PORT may be any.

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? `The simulator answered ${answer.status}.`);
  return said;
}

export async function companies() {
  const answer = await fetch("/simulator/phone/companies");
  if (!answer.ok) throw new Error(`The simulator answered ${answer.status}.`);
  return (await answer.json()).data;
}

// `what` is the kind and what belongs to it, as POST /simulator/messages takes them.
export function write(integrationId, customer, from, what) {
  return post("/simulator/messages", { integrationId, from, name: customer.name, ...what });
}

export function reportRead(integrationId, chat, messageIds) {
  return post("/simulator/phone/read", { integrationId, ...chat, messageIds });
}

// `chat` is {from}, or {group} by its id. Calls onChange with each change and onState with "connecting" or "live"; answers
// a function that hangs up.
export function listen(integrationId, chat, onChange, onState) {
  const asked = new URLSearchParams({ integrationId, ...chat });
  let stream = null;
  let again = null;
  const dial = () => {
    onState("connecting");
    stream = new EventSource(`/simulator/phone/events?${asked}`);
    stream.onopen = () => onState("live");
    stream.onmessage = (event) => onChange(JSON.parse(event.data));
    stream.onerror = () => {
      onState("connecting");
      // The browser dials again by itself unless it was refused; a stack that is starting again refuses at first.
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(dial, 1500);
    };
  };
  dial();
  return () => {
    clearTimeout(again);
    stream.close();
  };
}
