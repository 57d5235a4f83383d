// The documents: uploaded, listed, followed live, changed in bulk.
import { api, may, onReachable } from "/shell/api.js";
import { empty, explain, notify } from "/shell/components.js";
import { byId, debounced, fill, h } from "/shell/dom.js";
import { allTypes } from "/shell/media_types.js";
import { follow } from "/shell/sse.js";
import { number, t } from "/shell/words.js";
import { bulkButtons } from "./bulk.js";
import { manageCollections } from "./collections.js";
import { showDetails } from "./details.js";
import { documentRow, STATUSES } from "./rows.js";
import { keepTold, newestOf } from "./told.js";
import { uploads } from "./upload.js";

const PAGE = 50;
const MOST = 200;
const SORTS = ["newest", "oldest", "name", "size", "status"];
const FOCUSED = "a, button, input";
const [rows, counted, more, none, bulk, all] = ["rows", "counted", "more", "none", "bulk", "all"].map(byId);
const filters = { name: byId("name"), status: byId("status"), collection: byId("collection"), type: byId("type") };
const sort = byId("sort");
const shown = new Map();
const chosen = new Set();
let total = 0;
let writes = false;
let queue = null;
let running = null;
let known = new Set();

fill(filters.status, ["", ...STATUSES].map((one) => h("option", { value: one }, t(`documents.status.${one || "any"}`))));

fill(filters.type, h("option", { value: "" }, t("documents.type.any")), allTypes().map(([type, label]) => h("option", { value: type }, label)));

fill(sort, SORTS.map((one) => h("option", { value: one }, t(`documents.sort.${one}`))));

function readAddress() {
  const given = new URLSearchParams(location.search);
  filters.name.value = given.get("name") ?? "";
  filters.status.value = STATUSES.includes(given.get("status")) ? given.get("status") : "";
  filters.type.value = given.get("type") ?? "";
  if (filters.type.selectedIndex < 0) filters.type.value = "";
  sort.value = SORTS.includes(given.get("sort")) ? given.get("sort") : SORTS[0];
  filters.collection.dataset.wanted = given.get("collection") ?? "";
}

function writeAddress() {
  const told = new URLSearchParams(Object.entries(filters).map(([key, { value }]) => [key, value]).filter(([, value]) => value));
  if (sort.value !== SORTS[0]) told.set("sort", sort.value);
  history.replaceState(null, "", told.size ? `/documents?${told}` : "/documents");
}

const query = () => ({ name: filters.name.value.trim(), status: filters.status.value, collection: filters.collection.value, media_type: filters.type.value });

/** A further page from the cursor; without one the list anew, as long as it was where it is the same one. */
async function load(cursor, length = PAGE) {
  running?.abort();
  const own = (running = new AbortController());
  try {
    // A collection is there while something is in it; the last document may have just gone.
    const gone = filters.collection.value && !known.has(filters.collection.value);
    const page = gone ? { items: [], next_cursor: null, total: 0 } : await newestOf(api.get("/api/v1/documents", { query: { ...query(), sort: sort.value, limit: cursor ? PAGE : Math.min(Math.max(length, PAGE), MOST), cursor }, signal: own.signal }));
    const focused = cursor ? null : focusIn(rows);
    if (!cursor) {
      shown.clear();
      chosen.clear();
      rows.replaceChildren();
    }
    total = page.total;
    for (const document of page.items) if (!isGone(document)) put(document);
    shown.get(focused?.id)?.row.querySelectorAll(FOCUSED)[focused.place]?.focus();
    // Who comes back finds as much of the list as there was.
    history.replaceState({ length: shown.size }, "");
    fill(more, page.next_cursor && h("button", { type: "button", onclick: () => load(page.next_cursor) }, t("shell.more")));
    fill(none, !shown.size && !cursor && empty(t("documents.none"), t(Object.values(query()).some(Boolean) ? "documents.none.filtered" : "documents.none.about")));
    showCounts();
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(none, h("div", { class: "callout bad" }, explain(error), " ", h("button", { type: "button", class: "link", onclick: () => load() }, t("shell.retry"))));
  }
}

/** What of the list has the focus: the document, and the which of its elements. */
function focusIn(element) {
  const active = document.activeElement;
  const row = element.contains(active) ? active.closest("tr") : null;
  return row && { id: row.dataset.id, place: [...row.querySelectorAll(FOCUSED)].indexOf(active) };
}

const isGone = ({ status }) => status === "withdrawn" && filters.status.value !== "withdrawn";

function put(document) {
  const row = documentRow(document, { writes, chosen: chosen.has(document.id), onChoose: (on) => choose(document.id, on), onDetails: () => details(document.id) });
  const old = shown.get(document.id)?.row;
  if (!old) rows.append(row);
  else {
    const focused = focusIn(old);
    old.replaceWith(row);
    if (focused) row.querySelectorAll(FOCUSED)[focused.place]?.focus();
  }
  shown.set(document.id, { document, row });
}

function choose(id, on) {
  if (on) chosen.add(id);
  else chosen.delete(id);
  showCounts();
}

function showCounts() {
  fill(counted, t("documents.counted", { count: total === 1 ? 1 : number(total) }), chosen.size ? ` · ${t("documents.chosen", { count: number(chosen.size) })}` : "");
  bulk.hidden = !chosen.size;
  all.checked = chosen.size > 0 && chosen.size === shown.size;
  all.indeterminate = chosen.size > 0 && chosen.size < shown.size;
}

const details = (id) => showDetails(id, { writes, onChanged: put, onGone: reload });

async function loadCollections() {
  const { items } = await api.get("/api/v1/collections", { query: { limit: 200 } });
  const wanted = filters.collection.dataset.wanted || filters.collection.value;
  fill(filters.collection, h("option", { value: "" }, t("documents.any_collection")), items.map(({ name }) => h("option", { value: name }, name)));
  known = new Set(items.map(({ name }) => name));
  if (wanted && !known.has(wanted)) filters.collection.append(h("option", { value: wanted }, wanted));
  filters.collection.value = wanted;
  delete filters.collection.dataset.wanted;
  fill(byId("collections"), items.map(({ name }) => h("option", { value: name })));
  return items;
}

async function reload() {
  await loadCollections().catch(() => {});
  load(undefined, shown.size);
}
// Documents come, and go, by the hundred: the list is read again when it is quiet for a moment, and nobody is choosing.
const comeNew = debounced(() => { if (!chosen.size) reload(); }, 1200);

function hear({ documents }) {
  for (const document of documents) {
    keepTold(document);
    queue?.hear(document);
    if (shown.has(document.id)) {
      if (isGone(document)) {
        shown.get(document.id).row.remove();
        shown.delete(document.id);
        chosen.delete(document.id);
        total -= 1;
        showCounts();
      } else put(document);
    } else comeNew();
  }
}

const search = debounced(() => { writeAddress(); load(); }, 80);
let composing = false;
filters.name.addEventListener("compositionstart", () => { composing = true; search.stop(); });
filters.name.addEventListener("compositionend", () => { composing = false; search(); });
filters.name.addEventListener("input", (event) => { if (!event.isComposing && !composing) search(); });
filters.status.addEventListener("change", () => search.now());
filters.collection.addEventListener("change", () => search.now());
filters.type.addEventListener("change", () => search.now());
sort.addEventListener("change", () => search.now());
byId("filters").addEventListener("submit", (event) => { event.preventDefault(); search.now(); });
all.addEventListener("change", () => {
  const on = all.checked;
  for (const [id, { row }] of shown) {
    row.querySelector(".pick input").checked = on;
    choose(id, on);
  }
});

async function start() {
  writes = await may("write");
  byId("upload").hidden = !writes;
  all.closest("label").hidden = !writes;
  if (writes) {
    queue = uploads();
    bulk.append(...bulkButtons(() => [...chosen].map((id) => shown.get(id).document), reload));
    byId("collection-tools").append(h("button", { type: "button", onclick: () => manageCollections(reload, (name) => { byId("into").value = name; }) }, t("documents.collections")));
  }
  readAddress();
  await loadCollections();
  const wanted = new URLSearchParams(location.search).get("details");
  await load(undefined, Number(history.state?.length) || PAGE);
  if (/^[0-9a-f-]{36}$/.test(wanted ?? "")) details(wanted);
  let lost = false;
  follow("/api/v1/documents/events", {
    documents: hear,
    many: () => { reload(); queue?.look(); },
  }, (state) => {
    // What happened while nobody listened, the moment before the first word too, is in the list.
    const inTheWorks = [...shown.values()].some(({ document }) => ["received", "processing"].includes(document.status));
    if (state === "open" && (lost || inTheWorks)) reload();
    if (state === "open") queue?.look();
    lost = state === "lost";
  });
  onReachable((reached) => { if (reached) reload(); });
}
start().catch((error) => { if (error.status !== 401) notify(explain(error), "bad"); });
