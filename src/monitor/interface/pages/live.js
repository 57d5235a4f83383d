// The summary as it is now, for everything on the page that shows a part of it; nobody asks while nobody looks.
import { api } from "/shell/api.js";
import { follow as followStream } from "/shell/sse.js";

const PATH = "/api/v1/monitor";
const POLLED_MILLISECONDS = 2000;
const SILENT_MILLISECONDS = 15000;

/**
 * Follows the monitor's stream; while that is broken the summary is asked for again and again, until the stream is back.
 * `each(listener)` calls the listener with the newest summary and every further one, `alerts(listener)` when alerts
 * changed, `states(listener)` with "live" or "polled"; each gives the function that ends this.
 */
export function follow() {
  const listeners = { summary: new Set(), alerts: new Set(), state: new Set() };
  let newest;
  let state = "live";
  let stream;
  let polling;
  let silence;

  const tell = (kind, value) => listeners[kind].forEach((listener) => listener(value));

  function listen(kind, listener, first) {
    listeners[kind].add(listener);
    if (first !== undefined) listener(first);
    return () => listeners[kind].delete(listener);
  }

  function come(summary) {
    newest = summary;
    tell("summary", summary);
  }

  function turn(wanted) {
    if (wanted === state) return;
    state = wanted;
    tell("state", state);
  }

  function hear() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      // Open, and nothing comes: it is opened anew.
      stream.stop();
      open();
      lose();
    }, SILENT_MILLISECONDS);
  }

  function open() {
    stream = followStream(`${PATH}/stream`, {
      summary: (summary) => {
        if (state !== "live") tell("alerts");
        clearTimeout(polling);
        turn("live");
        hear();
        come(summary);
      },
      alert: () => tell("alerts"),
      alerts_missed: () => tell("alerts"),
    }, (heard) => heard === "lost" && lose());
    hear();
  }

  function close() {
    stream?.stop();
    clearTimeout(silence);
    clearTimeout(polling);
  }

  function lose() {
    if (state === "polled") return;
    turn("polled");
    poll();
  }

  async function poll() {
    clearTimeout(polling);
    try {
      come(await api.get(PATH));
      tell("alerts");
    } catch {
      // The page says itself that the server is away; it is asked again.
    }
    if (state === "polled" && !document.hidden) polling = setTimeout(poll, POLLED_MILLISECONDS);
  }

  document.addEventListener("visibilitychange", () => {
    close();
    if (document.hidden) return;
    open();
    if (state === "polled") poll();
    tell("alerts");
  });
  open();
  return {
    now: () => api.get(PATH).then(come, () => {}),
    each: (listener) => listen("summary", listener, newest),
    alerts: (listener) => listen("alerts", listener),
    states: (listener) => listen("state", listener, state),
  };
}
