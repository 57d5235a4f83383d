// Before a search: what is on the shelf, and how an empty one is filled.
import { api, may } from "/shell/api.js";
import { empty, explain, notifyProblem } from "/shell/components.js";
import { fill, h } from "/shell/dom.js";
import { number, t } from "/shell/words.js";

const LOOK_MILLISECONDS = 700;
const SAMPLES = "samples";

export async function showStart(place, search) {
  try {
    const { items: collections } = await api.get("/api/v1/collections", { query: { limit: 200 } });
    const counts = { searchable: 0, received: 0, processing: 0, failed: 0 };
    for (const { documents } of collections) for (const status of Object.keys(counts)) counts[status] += documents[status];
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (!all) return await showEmpty(place, search);
    const filled = collections.filter(({ documents }) => Object.values(documents).some(Boolean));
    fill(place, h("div", { class: "empty" },
      h("h2", {}, t("search.shelf", { count: counts.searchable === 1 ? 1 : number(counts.searchable) })),
      h("p", {}, t("search.shelf.about", { collections: number(filled.length), waiting: number(counts.received + counts.processing), failed: number(counts.failed) })),
      filled.some(({ name }) => name === SAMPLES) && tries(search),
      h("p", { class: "small" }, t("search.tips"), " ", h("kbd", {}, "/"), " ", h("kbd", {}, "↓"), " ", h("kbd", {}, "↑"), " ", h("kbd", {}, "Enter")),
      h("a", { class: "button", href: "/documents" }, t("search.to_documents"))));
  } catch (error) {
    if (error.status !== 401) fill(place, h("p", { class: "callout bad" }, explain(error)));
  }
}

const tries = (search) => h("div", { class: "tries" }, ["search.try.1", "search.try.2", "search.try.3"].map((key) =>
  h("button", { type: "button", onclick: () => search(t(key)) }, t(key))));

async function showEmpty(place, search) {
  const offered = (await may("write")) ? await api.get("/api/v1/samples").catch(() => ({ total: 0 })) : { total: 0 };
  const button = h("button", { type: "button", class: "primary", id: "samples", onclick: take }, t("search.samples", { count: number(offered.total) }));
  const told = h("div", { class: "stack tight", role: "status" });
  fill(place, empty(t("search.empty"), t("search.empty.about"),
    offered.total > 0 && button, (await may("write")) && h("a", { class: "button", href: "/documents" }, t("search.upload"))), told);

  async function take() {
    button.disabled = true;
    try {
      const { documents } = await api.post("/api/v1/samples", undefined);
      await follow(documents.length);
      showStart(place, search);
    } catch (error) {
      button.disabled = false;
      notifyProblem(error);
    }
  }

  async function follow(total) {
    const bar = h("progress", { max: total, value: 0, "aria-label": t("search.samples.coming") });
    const line = h("p", { class: "small muted" });
    fill(told, bar, line);
    for (let done = 0; done < total; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
      const { items } = await api.get("/api/v1/collections", { query: { limit: 200 } });
      const counts = items.find(({ name }) => name === SAMPLES)?.documents ?? { searchable: 0, failed: 0 };
      done = counts.searchable + counts.failed;
      bar.value = done;
      fill(line, t("search.samples.progress", { done: number(done), total: number(total) }));
    }
  }
}
