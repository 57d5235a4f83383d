// What is so now: health, the way of documents, searches, the machine, with the last hour as lines.
import { fill, h } from "/shell/dom.js";
import { badge, empty } from "/shell/components.js";
import { bytes, hasWord, number, t, when } from "/shell/words.js";
import { chart } from "./chart.js";

const STAGES = ["parse", "ocr", "chunk", "embed", "index"];
const STATES = ["received", "processing", "searchable", "failed", "withdrawing"];
const milliseconds = (seconds) => (seconds === null ? "–" : seconds < 1 ? `${number(Math.round(seconds * 1000))} ms` : `${number(Math.round(seconds * 10) / 10)} s`);
const percent = (share) => (share === null ? "–" : `${number(Math.round(share * 100))} %`);
const tenth = (value) => number(Math.round(value * 10) / 10);

/** Shows the summary as it comes; gives what ends it. */
export function openOverview(place, summary) {
  const [health, flow, waiting, facts] = [h("div", { class: "strip" }), h("ol", { class: "flow" }), h("div"), h("dl", { class: "facts" })];
  const charts = [
    [chart(t("monitor.chart.rate"), [{ label: t("monitor.searchable"), format: tenth }, { label: t("monitor.failed"), format: tenth }]),
      ["searchable", "failed"]],
    [chart(t("monitor.chart.queue"), [{ label: t("monitor.waiting"), format: tenth }, { label: t("monitor.running"), format: tenth }]),
      ["waiting", "running"]],
    [chart(t("monitor.chart.search"), [{ label: "p50", format: milliseconds }, { label: "p95", format: milliseconds }]),
      ["search50", "search95"]],
    [chart(t("monitor.chart.memory"), [{ label: t("monitor.memory"), format: bytes }]), ["memory"]],
  ];
  fill(place,
    h("section", { class: "stack tight" }, h("h2", {}, t("monitor.health")), health),
    h("section", { class: "stack tight" }, h("h2", {}, t("monitor.flow")), h("div", { class: "scrolls padded", tabindex: "0", role: "region", "aria-label": t("monitor.flow") }, flow)),
    h("section", { class: "charts" }, charts.map(([one]) => one.element)),
    h("section", { class: "two" },
      h("div", { class: "stack tight" }, h("h2", {}, t("monitor.queues")), waiting),
      h("div", { class: "stack tight" }, h("h2", {}, t("monitor.machine")), h("div", { class: "card" }, facts))));

  const end = summary.each((seen) => {
    showHealth(health, seen);
    showFlow(flow, seen);
    showQueues(waiting, seen);
    showFacts(facts, seen);
  });
  const endPast = summary.past.changes(() => charts.forEach(([one, columns]) => one.set(...summary.past.of(...columns))));
  return () => {
    end();
    endPast();
    charts.forEach(([one]) => one.close());
  };
}

function showHealth(strip, seen) {
  fill(strip, Object.entries(seen.health.components).map(([component, state]) => {
    const [kind, word] = state.ready ? ["good", "monitor.up"] : state.required ? ["bad", "monitor.down"] : ["warning", "monitor.degraded"];
    return h("details", { class: ["component", kind] },
      h("summary", {}, h("span", { class: "dot", "aria-hidden": "true" }), component, h("span", { class: "visually-hidden" }, ` – ${t(word)}`)),
      h("p", { class: "small" }, state.detail));
  }));
}

function showFlow(flow, seen) {
  const states = Object.fromEntries(STATES.map((state) => [state, seen.documents[state] ?? 0]));
  const stage = (name) => {
    const measured = seen.stages[name];
    return h("li", { class: "step" }, h("span", { class: "small muted" }, t(`monitor.stage.${name}`)),
      h("strong", { class: "number" }, measured ? milliseconds(measured.p50_seconds) : "–"),
      h("span", { class: "tiny muted" }, measured ? t("monitor.p95", { value: milliseconds(measured.p95_seconds) }) : t("monitor.nothing_measured")));
  };
  const state = (name, kind, more) =>
    h("li", { class: ["step", "state-of", kind] }, h("span", { class: "small" }, t(`monitor.${name}`)), h("strong", { class: "number" }, number(states[name])), h("span", { class: "tiny muted" }, more));
  // Where fewer go on than came, documents gather.
  const between = (name) => {
    const rate = tenth(seen.passed_per_minute[name] ?? 0);
    return h("li", { class: "between", "data-after": name },
      h("span", { class: "visually-hidden" }, t("monitor.between", { step: t(name === "received" ? "monitor.received" : `monitor.stage.${name}`), value: rate })),
      h("span", { class: "rate", "aria-hidden": "true" }, h("strong", {}, rate), h("span", { class: "tiny" }, t("monitor.each_minute"))),
      h("span", { class: "arrow", "aria-hidden": "true" }));
  };
  fill(flow,
    state("received", "", t("monitor.waiting_in_line")),
    between("received"),
    state("processing", "info", t("monitor.at_work")),
    STAGES.flatMap((name, place) => [place ? between(STAGES[place - 1]) : [], stage(name)]),
    state("searchable", "good", t("monitor.per_minute", { value: tenth(seen.searchable_per_minute) })),
    state("failed", states.failed ? "bad" : "", t("monitor.per_minute", { value: tenth(seen.failed_per_minute) })));
}

function showQueues(place, seen) {
  const rows = seen.queues.map((queue) => h("tr", {},
    h("td", {}, `${queue.module} · ${queue.kind}`),
    ...["waiting", "running", "buried"].map((field) => h("td", { class: "number" }, number(queue[field]))),
    h("td", {}, when(queue.oldest_waiting_at))));
  fill(place, rows.length ? h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": t("monitor.queues") }, h("table", { class: "table" },
    h("thead", {}, h("tr", {}, ["queue", "waiting", "running", "buried", "oldest"].map((name) => h("th", { scope: "col" }, t(`monitor.${name}`))))),
    h("tbody", {}, rows))) : empty(t("monitor.no_queues")));
}

function showFacts(list, seen) {
  const { system, searches, total } = seen;
  const used = system.disk_total_bytes ? 1 - system.disk_free_bytes / system.disk_total_bytes : null;
  const facts = {
    "monitor.until_searchable": `${milliseconds(total?.p50_seconds ?? null)} · p95 ${milliseconds(total?.p95_seconds ?? null)}`,
    "monitor.searches": t("monitor.per_minute", { value: tenth(searches.per_minute) }),
    "monitor.cached": percent(searches.cached_share),
    "monitor.empty": percent(searches.empty_share),
    "monitor.memory": bytes(system.memory_bytes),
    "monitor.processor": `${number(Math.round(system.cpu_percent))} %`,
    "monitor.processes": `${number(system.processes)} · ${t("monitor.threads", { count: number(system.threads) })} · ${t("monitor.files", { count: number(system.open_files) })}`,
    "monitor.disk": t("monitor.disk_free", { free: bytes(system.disk_free_bytes), used: percent(used) }),
    "monitor.data_dir": seen.data_dir,
  };
  fill(list, Object.entries(facts).flatMap(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)]),
    seen.remotes.flatMap((remote) => [h("dt", {}, remote.name), h("dd", {}, badge(hasWord(`monitor.breaker.${remote.state}`) ? t(`monitor.breaker.${remote.state}`) : remote.state, remote.state === "closed" ? "good" : "bad"))]));
}
