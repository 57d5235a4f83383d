// The one embedding model: what runs, how it came to be so, and loading it anew.
import { api, may } from "/shell/api.js";
import { fill, h } from "/shell/dom.js";
import { badge, confirmed, notify, notifyProblem, spinner } from "/shell/components.js";
import { bytes, duration, hasWord, number, t, when } from "/shell/words.js";

const KINDS = { ready: "good", loading: "info", failed: "bad", degraded: "warning" };

export function openModel(place) {
  const card = h("section", { class: "card stack" }, spinner());
  fill(place, card);
  let timer;

  async function load() {
    clearTimeout(timer);
    try {
      show(await api.get("/api/v1/model/status"), await may("operate"));
    } catch (error) {
      notifyProblem(error);
    }
    timer = setTimeout(load, 5000);
  }

  function show(model, mayReload) {
    const facts = {
      "monitor.model.engine": [model.engine, model.precision, model.device].filter(Boolean).join(" · "),
      "monitor.model.languages": model.languages?.join(", ") ?? "–",
      "monitor.model.dimension": `${number(model.dimension)} · ${t("monitor.model.tokens", { count: number(model.max_tokens) })}`,
      "monitor.memory": bytes(model.memory_bytes),
      "monitor.model.loaded": model.loaded_at ? `${when(model.loaded_at)} · ${duration(model.load_seconds)}` : "–",
      "monitor.model.embedded": number(model.embedded_texts),
      "monitor.waiting": number(model.waiting_texts),
      "monitor.model.fingerprint": model.fingerprint ?? "–",
      "monitor.model.error": model.last_error ?? "–",
    };
    const measured = model.engines?.engines ?? [];
    fill(card,
      h("div", { class: "row spread" }, h("h2", {}, model.name),
        h("span", { class: "row" }, badge(stateWord(model.state), KINDS[model.state]),
          mayReload && h("button", { type: "button", onclick: reload }, t("monitor.model.reload")))),
      h("dl", { class: "facts" }, Object.entries(facts).flatMap(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)])),
      measured.length ? h("div", { class: "stack tight" }, h("h3", {}, t("monitor.model.engines")),
        h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": t("monitor.model.engines") }, h("table", { class: "table" },
          h("thead", {}, h("tr", {}, ["engine", "query", "closeness", "memory"].map((one) => h("th", { scope: "col", class: one !== "engine" && "number" }, t(`monitor.model.column.${one}`))))),
          h("tbody", {}, measured.map((one) => h("tr", {},
            h("td", {}, `${one.engine} ${one.precision}`),
            h("td", { class: "number" }, one.query_ms ? `${number(Math.round(one.query_ms * 10) / 10)} ms` : "–"),
            h("td", { class: "number" }, one.cosine_worst ? one.cosine_worst.toFixed(5) : "–"),
            h("td", { class: "number" }, one.failure ?? bytes(one.memory_bytes)))))))) : null,
      h("details", {}, h("summary", { class: "small" }, t("monitor.model.history")),
        h("ol", { class: "steps" }, [...(model.history ?? [])].reverse().map((one) =>
          h("li", {}, h("span", {}, stateWord(one.state)), h("span", { class: "muted small" }, when(one.at)), h("span", { class: "small muted" }, one.reason ?? ""))))));
  }

  async function reload() {
    if (!await confirmed({ title: t("monitor.model.reload"), text: t("monitor.model.reload.text"), yes: t("monitor.model.reload") })) return;
    try {
      await api.post("/api/v1/model/reload", {});
      notify(t("monitor.model.reloaded"), "good");
    } catch (error) {
      notifyProblem(error);
    }
    load();
  }

  load();
  return () => clearTimeout(timer);
}

const stateWord = (state) => (hasWord(`monitor.model.state.${state}`) ? t(`monitor.model.state.${state}`) : state);
