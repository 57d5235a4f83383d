// Beside the document: what else of it the search found, what was found inside it, and documents like it.
import { api } from "/shell/api.js";
import { fill, h, name } from "/shell/dom.js";
import { chunkAddress } from "/shell/places.js";
import { number, t } from "/shell/words.js";

const MOST_PASSAGES = 12;
const MOST_SIMILAR = 5;
let shownFor = null;

/** Other modules may not be there: what they do not answer is not shown. */
export async function showAside(aside, document_, place) {
  const key = `${document_.id} ${place.query}`;
  if (shownFor === key) return mark(aside, place);
  shownFor = key;
  const passages = place.query.trim()
    ? api.post("/api/v1/search", { query: place.query.trim(), limit: MOST_PASSAGES, filters: { document: document_.id } }).then(({ hits }) => hits, () => [])
    : [];
  const similar = api.get(`/api/v1/documents/${document_.id}/similar`, { query: { limit: MOST_SIMILAR } }).then(({ hits }) => hits, () => []);
  const children = document_.children ? api.get("/api/v1/documents", { query: { parent: document_.id, limit: 20 } }).then(({ items }) => items, () => []) : [];
  const [found, inside, like] = await Promise.all([passages, children, similar]);
  fill(aside,
    part(t("reading.passages"), [...found].sort((a, b) => a.chunk.ordinal - b.chunk.ordinal).map((hit) =>
      h("li", { "data-start": hit.chunk.start }, h("a", { href: chunkAddress(document_.id, hit.chunk, place.query) },
        hit.chunk.page ? t("reading.page", { page: number(hit.chunk.page) }) : t("reading.passage", { number: number(hit.chunk.ordinal + 1) })), " ",
      h("span", { class: "muted" }, `${Array.from(hit.chunk.text).slice(0, 60).join("")} …`)))),
    part(t("reading.parts"), inside.map((one) => h("li", {}, h("a", { href: `/documents/${one.id}` }, name(one.name))))),
    part(t("reading.similar"), like.map((hit) => h("li", {}, h("a", { href: `/documents/${hit.document.id}` }, name(hit.document.name))))));
  mark(aside, place);
}

const part = (title, entries) => entries.length > 0 && h("section", { class: "card" }, h("h2", {}, title), h("ul", {}, entries));

function mark(aside, place) {
  for (const entry of aside.querySelectorAll("[data-start]")) {
    if (Number(entry.dataset.start) === place.start) entry.setAttribute("aria-current", "true");
    else entry.removeAttribute("aria-current");
  }
}
