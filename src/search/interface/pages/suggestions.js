// How what is being typed may go on: under the field, next in the order of the tabulator.
import { api } from "/shell/api.js";
import { debounced, fill, h, name } from "/shell/dom.js";
import { t } from "/shell/words.js";

// Longer than a hand takes from key to key: results come first, and no suggestion is made in between.
const WAIT_MILLISECONDS = 200;
const MOST = 6;

/** `typed(text)` with each change that is whole, `clear()` when something was chosen; `choose(text)` gets what was. */
export function suggestions(place, choose) {
  let running = null;

  async function look(text) {
    running?.abort();
    const own = (running = new AbortController());
    try {
      const { items } = await api.get("/api/v1/search/suggest", { query: { q: text, limit: MOST }, signal: own.signal });
      // Who is among them already does not lose their place to a later answer.
      if (own.signal.aborted || place.contains(document.activeElement)) return;
      show(items.filter((one) => one.text !== text.trim()));
    } catch {
      // Nothing needs them: the search beside says what is wrong.
      if (running === own) fill(place);
    }
  }

  const show = (items) => fill(place, items.map((one) =>
    h("button", { type: "button", class: "plain", "aria-label": t(`search.suggestion.${one.kind}`, { text: one.text }), onclick: () => choose(one.text) }, name(one.text))));
  const later = debounced(look, WAIT_MILLISECONDS);

  return {
    typed(text) {
      if (text.trim()) later(text);
      else this.clear();
    },
    clear() {
      later.stop();
      running?.abort();
      fill(place);
    },
  };
}
