// The way of each document, stage by stage: those that stand still first, then the slow ones; found by name or id.
import { api } from "/shell/api.js";
import { debounced, fill, h, name } from "/shell/dom.js";
import { badge, empty, notifyProblem, segments, spinner } from "/shell/components.js";
import { duration, hasWord, t, when } from "/shell/words.js";

const KINDS = { searchable: "good", failed: "bad", processing: "info", withdrawn: "" };
const CHOICES = ["all", "stuck", "failed", "processing"];

/** `parameters` may have `stuck`, `failed` or `processing`. */
export function openJourneys(place, summary, parameters) {
  let chosen = CHOICES.find((one) => parameters.has(one)) ?? "all";
  let asked = 0;
  const list = h("div", { class: "stack" });
  const words = h("input", { type: "search", id: "journey-words", "aria-label": t("monitor.find_journey"), placeholder: t("monitor.find_journey"), maxlength: 200, oninput: debounced(() => load(), 250) });
  fill(place,
    h("div", { class: "row" }, segments(t("monitor.which"), CHOICES.map((one) => [one, t(`monitor.which.${one}`)]), chosen, (one) => {
      chosen = one;
      history.replaceState(null, "", `#documents${one === "all" ? "" : `?${one}`}`);
      load();
    }), words), list);

  async function load(cursor) {
    const number = ++asked;
    if (!cursor) fill(list, spinner());
    const query = {
      cursor, limit: 50, q: words.value.trim() || null, sort: chosen === "all" ? "troubled" : null,
      stuck: chosen === "stuck" ? true : null, state: ["failed", "processing"].includes(chosen) ? chosen : null,
    };
    try {
      const page = await api.get("/api/v1/monitor/journeys", { query });
      if (number !== asked) return; // something else was asked for meanwhile
      if (!cursor) fill(list);
      list.querySelector(".more")?.remove();
      if (!page.items.length && !cursor && !page.next_cursor) fill(list, empty(t(`monitor.no_journeys.${query.q ? "found" : chosen}`)));
      list.append(...page.items.map(journey));
      if (page.next_cursor) list.append(h("button", { type: "button", class: "more", onclick: () => load(page.next_cursor) }, t("shell.more")));
    } catch (error) {
      notifyProblem(error);
    }
  }
  load();
  return () => { asked += 1; };
}

function journey(one) {
  const state = one.stuck ? badge(t("monitor.standing_still"), "warning") : one.slow ? badge(t("monitor.slow"), "warning") : badge(t(`monitor.state.${one.state}`), KINDS[one.state]);
  return h("details", { class: "card journey" },
    h("summary", { class: "row spread" },
      h("span", { class: "row grow" }, name(one.name ?? one.document_id), h("span", { class: "muted small" }, one.collection)),
      h("span", { class: "row small" }, state, h("span", { class: "muted" }, one.total_seconds === null ? when(one.started_at) : duration(one.total_seconds)))),
    one.waits_for && h("p", { class: "callout warning small" }, t("monitor.waits_for", { what: one.waits_for })),
    one.problem && h("p", { class: "callout bad small" }, one.problem.detail),
    one.warnings.map((warning) => h("p", { class: "callout warning small" }, warning)),
    one.attempts > 1 && h("p", { class: "muted small" }, t("monitor.attempts", { count: one.attempts })),
    h("ol", { class: "steps" }, one.steps.map((step) => h("li", {},
      h("span", {}, stepName(step)),
      h("span", { class: "muted small" }, when(step.at)),
      h("span", { class: "number small" }, step.seconds === null ? "" : seconds(step.seconds)),
      step.detail && h("span", { class: "small muted" }, step.detail)))),
    h("p", { class: "row small" }, h("a", { href: `/documents/${one.document_id}` }, t("monitor.to_document")), h("code", {}, one.document_id)));
}

const stepName = (step) => {
  const key = step.stage ? `monitor.stage.${step.stage}` : `monitor.step.${step.step}`;
  return hasWord(key) ? t(key) : step.stage ?? step.step;
};
const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`);
