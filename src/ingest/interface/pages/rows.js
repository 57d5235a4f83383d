// One document as a row: what it is, how far it is, why it failed.
import { badge, explain } from "/shell/components.js";
import { h, name } from "/shell/dom.js";
import { typeName } from "/shell/media_types.js";
import { isLocked } from "./locked.js";
import { bytes, duration, number, t, when } from "/shell/words.js";

export const STATUSES = ["received", "processing", "searchable", "failed", "withdrawn"];
const KINDS = { searchable: "good", failed: "bad", processing: "info", received: "", withdrawn: "warning" };

export const statusBadge = (document) => badge(t(`documents.status.${document.status}`), KINDS[document.status]);

export function documentRow(document, { writes, chosen, onChoose, onDetails }) {
  return h("tr", { "data-id": document.id },
    h("td", { class: "pick" }, writes && h("input", { type: "checkbox", checked: chosen, "aria-label": t("documents.choose", { name: document.name }), onchange: (event) => onChoose(event.target.checked) })),
    h("td", { class: "file" }, h("a", { href: `/documents/${document.id}` }, name(document.name)),
      document.children > 0 && h("span", { class: "tiny muted" }, " ", t("documents.children", { count: number(document.children) })),
      document.problem && h("span", { class: "why" }, explain(document.problem),
        writes && isLocked(document) && [" ", h("button", { type: "button", class: "link tiny", onclick: onDetails, "aria-label": t("documents.password.of", { name: document.name }) }, t("documents.password.enter"))])),
    h("td", {}, statusBadge(document), progressOf(document), firstPages(document)),
    h("td", {}, name(document.collection)),
    h("td", { class: "nowrap" }, typeName(document.media_type)),
    h("td", { class: "number nowrap" }, bytes(document.size)),
    h("td", { class: "nowrap" }, when(document.received_at)),
    h("td", {}, h("button", { type: "button", class: "link", onclick: onDetails, "aria-label": t("documents.details.of", { name: document.name }) }, t("documents.details"))));
}

/** What can be found already of a document that is not read to its end. */
export const firstPages = ({ early }) => early
  && h("span", { class: "tiny muted" }, " ", t("documents.early", { done: number(early.pages_done), total: number(early.pages_total) }));

function progressOf({ status, stage, progress, name: label }) {
  if (!progress || !["received", "processing"].includes(status)) return null;
  const [some, all] = progress.pages_total ? [progress.pages_done, progress.pages_total] : [progress.chunks_done, progress.chunks_total];
  const finer = all ? some / all : 0;
  const left = progress.remaining_seconds === null ? "" : t("documents.left", { time: duration(progress.remaining_seconds) });
  return h("span", { class: "tiny muted" },
    h("progress", { max: progress.total, value: progress.done + finer, "aria-label": label }),
    [stage && t(`documents.stage.${stage}`), progress.queue_position > 0 && t("documents.before", { count: number(progress.queue_position) }), left].filter(Boolean).join(" · "));
}
