// Searching: results as you type, filters at the side, everything in the address.
import { byId, debounced, fill, h } from "/shell/dom.js";
import { explain, segments } from "/shell/components.js";
import { wakeKorean } from "/shell/waking.js";
import { number, t } from "/shell/words.js";
import { showFilters } from "./filters.js";
import { hitElement } from "./hits.js";
import { ask, readState, similar, SORTS, stateAddress } from "./state.js";
import { showStart } from "./start.js";
import { suggestions } from "./suggestions.js";

// Results are to be there a tenth of a second after the last key, so that it is asked at once. While another question is
// under way the next one waits for its answer, but no longer than this: then the former is cancelled.
const WAIT_MILLISECONDS = 25;

const [form, query, found, hits, summary, more, remarks, busy] =
  ["form", "query", "found", "hits", "summary", "more", "remarks", "busy"].map(byId);
let state = readState();
let running = null;
let shown = [];
let composing = false;

const modes = segments(t("search.mode"), ["hybrid", "keyword", "vector"].map((mode) => [mode, t(`search.mode.${mode}`)]),
  state.mode, (mode) => change({ mode }));
const sort = h("select", { id: "sort", onchange: () => change({ sort: sort.value }) },
  SORTS.map((one) => h("option", { value: one }, t(`search.sort.${one}`))));
const grouped = h("input", { type: "checkbox", id: "grouped", onchange: () => change({ grouped: grouped.checked }) });
byId("options").append(modes,
  h("div", { class: "row" }, h("label", { class: "choice", for: "grouped" }, grouped, t("search.grouped")),
    h("span", { class: "order" }, h("label", { for: "sort", class: "small" }, t("search.sort")), sort)));

const suggested = suggestions(byId("suggestions"), (words) => {
  suggested.clear();
  query.focus();
  change({ query: words, similar: "" });
});

/** Another state: the address has it, the results follow. While a reader types, the history does not grow. */
function change(fields, { typing = false } = {}) {
  state = { ...state, ...fields };
  history[typing ? "replaceState" : "pushState"](null, "", stateAddress(state));
  run();
}

/** `length`: how many were shown when the reader went away from here. */
async function run(length) {
  running?.abort();
  const own = (running = new AbortController());
  showControls();
  const asks = Boolean(state.query.trim() || state.similar);
  found.hidden = !asks;
  byId("start").hidden = asks;
  busy.hidden = !asks;
  if (!asks) {
    document.title = `${t("search.title")} · ${t("shell.name")}`;
    return showStart(byId("start"), (words) => { query.value = words; change({ query: words }); });
  }
  document.title = `${state.query.trim() || t("search.similar")} · ${t("shell.name")}`;
  try {
    const answer = await (state.similar ? similar(state, own.signal) : ask(state, own.signal, { length }));
    shown = answer.hits;
    showAnswer(answer, own.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    shown = [];
    fill(hits);
    fill(more);
    fill(summary, t("search.failed"));
    fill(remarks, h("div", { class: "callout bad" }, explain(error), " ",
      h("button", { type: "button", class: "link", onclick: () => run() }, t("shell.retry"))));
  }
  if (running !== own) return;
  busy.hidden = true;
  typed.due();
}

function showControls() {
  if (query.value !== state.query && !composing) query.value = state.query;
  modes.set(state.mode);
  sort.value = state.sort;
  grouped.checked = state.grouped;
  byId("options").hidden = Boolean(state.similar);
}

function showAnswer(answer, signal) {
  const count = number(answer.total) + (answer.total_is_exact === false ? "+" : "");
  const counted = state.grouped || state.similar ? "search.documents" : "search.passages";
  fill(summary, answer.total ? t(counted, { count: answer.total === 1 ? 1 : count, milliseconds: number(Math.round(answer.took_ms)) }) : t("search.nothing"));
  fill(remarks, answer.degraded.map((what) => h("p", { class: "callout warning small" }, t(`search.degraded.${what}`))),
    answer.did_you_mean && h("p", { class: "callout small" }, t("search.meant"), " ",
      h("button", { type: "button", class: "link", onclick: () => change({ query: answer.did_you_mean }) }, answer.did_you_mean)),
    state.similar && h("p", { class: "callout small" }, t("search.similar.about"), " ", h("a", { href: "/" }, t("search.similar.leave"))),
    !answer.total && nothing());
  showFilters(byId("filter-fields"), answer.facets, state, change);
  byId("filters").hidden = Boolean(state.similar);
  fill(hits, inOrder(shown).map((hit) => hitElement(hit, state)));
  showMore(answer, signal);
}

function showMore(answer, signal) {
  fill(more, answer.next_cursor && h("button", {
    type: "button",
    onclick: async (event) => {
      event.target.disabled = true;
      try {
        const next = await ask(state, signal, { cursor: answer.next_cursor });
        const first = shown.length;
        shown = [...shown, ...next.hits];
        fill(hits, inOrder(shown).map((hit) => hitElement(hit, state)));
        history.replaceState({ length: shown.length }, "");
        showMore(next, signal);
        hits.children[first]?.querySelector("a")?.focus();
      } catch (error) {
        if (error.code === "cursor_expired") run();
        else if (error.name !== "AbortError") fill(remarks, h("div", { class: "callout bad" }, explain(error)));
        event.target.disabled = false;
      }
    },
  }, t("shell.more")));
}

/** The index gives the best first; another order is one of what was found and is shown. */
function inOrder(found) {
  const place = (hit) => [hit.document.name, hit.document.id, hit.chunk.ordinal];
  if (!["document", "reading"].includes(state.sort)) return found;
  const best = new Map();
  found.forEach((hit, at) => best.has(hit.document.id) || best.set(hit.document.id, at));
  return [...found].sort((a, b) => {
    const [x, y] = [place(a), place(b)];
    const names = state.sort === "document" ? x[0].localeCompare(y[0]) : best.get(x[1]) - best.get(y[1]);
    return names || x[1].localeCompare(y[1]) || x[2] - y[2];
  });
}

function nothing() {
  const filtered = state.collections.length || state.types.length || state.languages.length || state.since;
  return h("div", { class: "empty" }, h("h2", {}, t("search.nothing")), h("p", {}, t("search.nothing.about")),
    h("div", { class: "row" },
      filtered && h("button", { type: "button", onclick: () => change({ collections: [], types: [], languages: [], since: "" }) }, t("search.without_filters")),
      state.mode !== "hybrid" && h("button", { type: "button", onclick: () => change({ mode: "hybrid" }) }, t("search.with_hybrid"))));
}

// Input methods build a syllable in steps: nothing is asked until it is whole.
const typed = debounced(() => change({ query: query.value, similar: "" }, { typing: true }), WAIT_MILLISECONDS);
function type() {
  suggested.typed(query.value);
  if (busy.hidden) typed.now();
  else typed();
}
query.addEventListener("compositionstart", () => { composing = true; typed.stop(); });
query.addEventListener("compositionend", () => { composing = false; type(); });
query.addEventListener("input", (event) => { if (!event.isComposing && !composing) type(); });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  typed.stop();
  suggested.clear();
  if (!composing) change({ query: query.value, similar: "" });
});
query.addEventListener("keydown", (event) => {
  if (event.isComposing || composing) return;
  if (event.key === "ArrowDown" && hits.children.length) {
    event.preventDefault();
    hits.querySelector("h3 a").focus();
  } else if (event.key === "Escape" && query.value) {
    event.preventDefault();
    query.value = "";
    type();
  }
});

// Through the results: arrows or j and k; `/` and Escape lead back to the field.
document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && !target.matches("input, select, textarea")) {
    event.preventDefault();
    query.focus();
    query.select();
    return;
  }
  const hit = target.closest?.(".hit");
  if (!hit) return;
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const next = hits.children[[...hits.children].indexOf(hit) + step];
    if (next) next.querySelector("h3 a").focus();
    else if (step < 0) query.focus();
  } else if (event.key === "Escape") {
    query.focus();
  }
});

addEventListener("popstate", () => {
  suggested.clear();
  state = readState();
  run(history.state?.length);
});
run(history.state?.length);
wakeKorean(query);
if (matchMedia("(max-width: 48rem)").matches) byId("filters").open = false;
