// The text around a place, tables in it as tables; and all tables by themselves.
import { api, items, request } from "/shell/api.js";
import { empty, spinner } from "/shell/components.js";
import { fill, h, marked } from "/shell/dom.js";
import { number, t } from "/shell/words.js";

const AROUND = 6000;
const MOST_TABLES = 200;
const MOST_ROWS = 200;

export async function textView(view, { path, place }) {
  fill(view, spinner());
  const tables = await tablesOf(path);
  const at = place.start ?? 0;
  let [from, to] = [Math.max(0, at - AROUND), (place.end ?? at) + AROUND];
  const box = h("div", { class: "text", dir: "auto", lang: "" });
  const earlier = h("button", { type: "button", onclick: () => widen(-1) }, t("reading.earlier"));
  const later = h("button", { type: "button", onclick: () => widen(1) }, t("reading.later"));
  fill(view, earlier, box, later);

  async function draw(scrolls) {
    const text = await (await request("GET", `${path}/text`, { query: { start: from, end: to } })).text();
    const points = Array.from(text);
    const nodes = [];
    const inside = tables.filter((one) => one.start >= from && one.end <= from + points.length && one.end > one.start);
    let at_ = from;
    for (const table of inside) {
      if (table.start < at_) continue;
      nodes.push(stretch(points, from, at_, table.start, place));
      const passage = place.end !== null && table.start < place.end && table.end > place.start;
      nodes.push(h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": table.caption || t("reading.table", { number: number(table.ordinal + 1) }) }, grid(table, passage)));
      at_ = table.end;
    }
    nodes.push(stretch(points, from, at_, from + points.length, place));
    fill(box, nodes);
    earlier.hidden = from === 0;
    later.hidden = points.length < to - from;
    if (scrolls) box.querySelector(".passage")?.scrollIntoView({ block: "center" });
  }
  async function widen(step) {
    if (step < 0) from = Math.max(0, from - 2 * AROUND);
    else to += 2 * AROUND;
    await draw(false);
  }
  await draw(true);
}

/** Code points [start, end) of the document's text, of which `points` begin at `origin`; the passage is apart. */
function stretch(points, origin, start, end, place) {
  const part = (a, b) => points.slice(Math.max(a, start) - origin, Math.max(Math.min(b, end), start) - origin).join("");
  if (place.end === null || place.end <= start || place.start >= end) return part(start, end);
  const passage = part(place.start, place.end);
  if (!passage.trim()) return part(start, end); // What is between two tables.
  return [part(start, place.start), h("span", { class: "passage" }, marked(passage, wordsIn(passage, place.query))), part(place.end, end)];
}

/** Where words of the query stand; the search itself knows better, but not of a link that was sent. */
function wordsIn(text, query) {
  const lower = Array.from(text.toLowerCase());
  if (lower.length !== Array.from(text).length) return [];
  const found = [];
  for (const word of new Set(query.toLowerCase().split(/[\s"]+/u).filter((one) => Array.from(one).length > 1 && !one.startsWith("-")))) {
    const points = Array.from(word);
    for (let at = 0; at + points.length <= lower.length; at += 1) {
      if (points.every((point, n) => lower[at + n] === point)) found.push({ start: at, end: at + points.length });
    }
  }
  return found;
}

async function tablesOf(path) {
  const found = [];
  for await (const table of items(`${path}/tables`, { query: { limit: 50 } })) {
    found.push(table);
    if (found.length >= MOST_TABLES) break;
  }
  return found;
}

export async function tablesView(view, { path, place }) {
  fill(view, spinner());
  let cursor;
  const list = h("div", { class: "stack" });
  const more = h("div", {});
  const load = async () => {
    const page = await api.get(`${path}/tables`, { query: { limit: 20, cursor } });
    cursor = page.next_cursor;
    if (!page.total) fill(list, empty(t("reading.no_tables"), ""));
    for (const table of page.items) {
      const passage = place.end !== null && table.start < place.end && table.end > place.start;
      list.append(h("div", { class: "wide card", tabindex: "0", role: "region", "aria-label": t("reading.table", { number: number(table.ordinal + 1) }) },
        h("p", { class: "small muted" }, t("reading.table", { number: number(table.ordinal + 1) }), table.page && ` · ${t("reading.page", { page: number(table.page) })}`), grid(table, passage)));
    }
    fill(more, cursor && h("button", { type: "button", onclick: load }, t("shell.more")));
  };
  await load();
  fill(view, list, more);
  list.querySelector(".passage")?.scrollIntoView({ block: "center" });
}

/** A table of the API as one of HTML; what a span covers has no cell of its own. */
function grid(table, passage) {
  const spans = new Map(table.spans.map((span) => [`${span.row} ${span.column}`, span]));
  const covered = new Set(table.spans.flatMap((span) => {
    const cells = [];
    for (let row = 0; row < span.row_span; row += 1) for (let column = 0; column < span.column_span; column += 1) if (row || column) cells.push(`${span.row + row} ${span.column + column}`);
    return cells;
  }));
  const rows = table.rows.slice(0, MOST_ROWS).map((cells, row) => h("tr", {}, cells.map((text, column) => {
    if (covered.has(`${row} ${column}`)) return null;
    const span = spans.get(`${row} ${column}`);
    const head = row < table.header_rows;
    return h(head ? "th" : "td", { scope: head && "col", rowspan: span?.row_span > 1 && span.row_span, colspan: span?.column_span > 1 && span.column_span, dir: "auto" }, text);
  })));
  return h("table", { class: ["grid", passage && "passage"] }, table.caption && h("caption", {}, table.caption),
    table.header_rows > 0 && h("thead", {}, rows.slice(0, table.header_rows)), h("tbody", {}, rows.slice(table.header_rows)),
    table.rows.length > MOST_ROWS && h("tfoot", {}, h("tr", {}, h("td", { colspan: table.rows[0].length }, t("reading.rows_left_out", { count: number(table.rows.length - MOST_ROWS) })))));
}
