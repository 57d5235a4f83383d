// One document, opened at a place: its page with the box, or its text with the passage; what is near and what is like it.
import { api } from "/shell/api.js";
import { badge, explain, segments, spinner } from "/shell/components.js";
import { byId, fill, h, name } from "/shell/dom.js";
import { typeName } from "/shell/media_types.js";
import { bytes, t, when } from "/shell/words.js";
import { showAside } from "./aside.js";
import { pageView } from "./page_view.js";
import { firstPages, statusBadge } from "./rows.js";
import { tablesView, textView } from "./text_view.js";

const id = location.pathname.split("/")[2];
const path = `/api/v1/documents/${encodeURIComponent(id)}`;
const [facts, deeds, problem, views, view] = ["facts", "deeds", "problem", "views", "view"].map(byId);

/** The place as the address has it; anybody may have written that. */
function readPlace() {
  const given = new URLSearchParams(location.search);
  const whole = (key) => (/^\d{1,12}$/.test(given.get(key) ?? "") ? Number(given.get(key)) : null);
  const sides = (given.get("box") ?? "").split(",").map(Number);
  const box = sides.length === 4 && sides.every((side) => side >= 0 && side <= 1) ? { left: sides[0], top: sides[1], right: sides[2], bottom: sides[3] } : null;
  const [start, end] = [whole("start"), whole("end")];
  return { start, end: end !== null && start !== null && end >= start ? end : null, page: whole("page"), box, view: given.get("view"), query: given.get("q") ?? "" };
}

async function start() {
  fill(view, spinner());
  const document_ = await api.get(path);
  document.title = `${document_.name} · ${t("shell.name")}`;
  fill(byId("name"), name(document_.name));
  fill(facts, statusBadge(document_), badge(typeName(document_.media_type)), name(document_.collection), h("span", {}, bytes(document_.size)), h("span", {}, when(document_.received_at)), firstPages(document_));
  fill(deeds, h("a", { class: "button", href: document_.links.content, download: "" }, t("documents.original")),
    h("a", { class: "button", href: `/?similar=${document_.id}` }, t("reading.similar.all")),
    h("a", { class: "button", href: `/documents?details=${document_.id}` }, t("documents.details")));
  fill(problem, document_.problem && h("div", { class: "callout bad" }, explain(document_.problem)),
    document_.warnings.length > 0 && h("div", { class: "callout warning small" }, document_.warnings.map((one) => h("p", {}, one))));
  if (document_.status !== "failed" && document_.searchable_revision === null) problem.append(h("p", { class: "callout" }, t("reading.not_yet")));
  show(document_);
  addEventListener("popstate", () => show(document_));
}

function show(document_) {
  const place = readPlace();
  const hasPages = document_.media_type === "application/pdf" || document_.media_type?.startsWith("image/");
  const offered = [...(hasPages ? ["page"] : []), "text", "tables"];
  // Where the place on the page is not known, its words are shown.
  const usual = hasPages && (place.box || place.start === null) ? "page" : "text";
  const shown = offered.includes(place.view) ? place.view : usual;
  const change = (fields) => {
    const told = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(fields)) told.set(key, value);
    history.pushState(null, "", `?${told}`);
    show(document_);
  };
  fill(views, segments(t("reading.view"), offered.map((one) => [one, t(`reading.view.${one}`)]), shown, (one) => change({ view: one })));
  const draw = { page: pageView, text: textView, tables: tablesView }[shown];
  draw(view, { path, place, change, tools: views, media: document_.media_type }).catch((error) => {
    if (error.name === "AbortError") return;
    fill(view, h("p", { class: "callout warning" }, explain(error)));
  });
  showAside(byId("aside"), document_, place);
}

start().catch((error) => {
  if (error.status !== 401) fill(view, h("p", { class: "callout bad" }, explain(error)));
});
