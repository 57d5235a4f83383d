// Server-sent events: followed with reconnection (GET), or read from the answer to any request.
import { request, signIn } from "/shell/api.js";

const REFUSED_MILLISECONDS = 5000;

/**
 * Follows a stream until `stop()`; the browser reconnects by itself and tells the last id. One that the server refused is
 * opened again after a while, which the browser does not do. One whose reader is signed out in the middle ends with that
 * problem, and leads to the sign-in page. `events`: name → listener of the parsed data; `onState`: "open" or "lost".
 */
export function follow(path, events, onState = () => {}) {
  let source;
  let again;

  function open() {
    source = new EventSource(path);
    source.addEventListener("open", () => onState("open"));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, REFUSED_MILLISECONDS);
      onState("lost");
    });
    source.addEventListener("problem", ({ data }) => { if (JSON.parse(data).status === 401) signIn(); });
    for (const [event, listener] of Object.entries(events)) {
      source.addEventListener(event, (message) => {
        if (message.data) listener(JSON.parse(message.data), message);
      });
    }
  }

  open();
  return {
    stop() {
      clearTimeout(again);
      source.close();
    },
  };
}

/** The events of one answer: `for await (const {event, data, id} of stream("POST", path, {json}))`. */
export async function* stream(method, path, options = {}) {
  const response = await request(method, path, { ...options, headers: { Accept: "text/event-stream", ...options.headers } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const found = parse(block);
        if (found.data !== undefined) yield found;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const found = { event: "message" };
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    const [field, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (field === "data") data.push(value);
    else if (field === "event" || field === "id") found[field] = value;
  }
  if (data.length) found.data = JSON.parse(data.join("\n"));
  return found;
}
