// One hit: whose it is, where it stands, and the words around what was found.
import { h, marked, name } from "/shell/dom.js";
import { badge } from "/shell/components.js";
import { typeName } from "/shell/media_types.js";
import { chunkAddress } from "/shell/places.js";
import { number, t } from "/shell/words.js";

const SNIPPET = 300;
const BEFORE = 70;

export function hitElement(hit, state) {
  const { document: document_, chunk } = hit;
  const link = chunkAddress(document_.id, chunk, state.query);
  return h("li", { class: "hit card" },
    h("h3", {}, h("a", { href: link }, name(document_.name))),
    h("p", { class: "where" },
      badge(typeName(document_.media_type)),
      chunk.page && h("span", {}, t("search.page", { page: number(chunk.page) })),
      chunk.markdown && h("span", {}, t("search.table")),
      document_.early && badge(t("search.early", { done: number(document_.early.pages_done), total: number(document_.early.pages_total) }), "warning"),
      document_.collection !== "default" && h("span", {}, name(document_.collection)),
      chunk.headings.length > 0 && h("span", {}, name(chunk.headings.join(" › ")))),
    h("p", { class: "snippet", dir: "auto" }, snippet(chunk.text, hit.highlights)),
    h("p", { class: "deeds" },
      h("a", { href: `/?similar=${document_.id}` }, t("search.more_like_this")),
      h("a", { href: `/api/v1/documents/${document_.id}/content?revision=${document_.revision}`, download: "" }, t("search.original"))));
}

/** The stretch of the text with the most of what was found, in code points. */
function snippet(text, highlights) {
  const points = Array.from(text);
  if (points.length <= SNIPPET + BEFORE) return marked(text, highlights);
  const starts = highlights.map(({ start }) => start);
  const within = (from) => starts.filter((start) => start >= from && start < from + SNIPPET - BEFORE).length;
  const first = starts.reduce((best, start) => (within(start) > within(best) ? start : best), starts[0] ?? 0);
  let from = Math.max(0, first - BEFORE);
  // Not in the middle of a word, where one ends nearby.
  const space = points.slice(from, first).findIndex((point) => /\s/u.test(point));
  if (from > 0 && space >= 0) from += space + 1;
  const to = Math.min(points.length, from + SNIPPET);
  const inside = highlights.filter(({ start, end }) => end > from && start < to)
    .map(({ start, end }) => ({ start: Math.max(start, from) - from, end: Math.min(end, to) - from }));
  return [from > 0 && "… ", marked(points.slice(from, to).join(""), inside), to < points.length && " …"];
}
