// Everything known of one document: why it failed, its names and revisions, its metadata to be changed.
import { api } from "/shell/api.js";
import { confirmed, explain, notify, notifyProblem, openDialog } from "/shell/components.js";
import { fill, h, name } from "/shell/dom.js";
import { typeName } from "/shell/media_types.js";
import { bytes, number, t, when } from "/shell/words.js";
import { move, remove } from "./bulk.js";
import { isLocked, unlocking } from "./locked.js";
import { statusBadge } from "./rows.js";
import { newest } from "./told.js";

export async function showDetails(id, { writes, onChanged, onGone }) {
  let document;
  let revisions;
  try {
    document = await api.get(`/api/v1/documents/${id}`);
    revisions = (await api.get(`${document.links.revisions}`)).items;
  } catch (error) {
    return notifyProblem(error);
  }
  openDialog(document.name, (close) => [
    h("p", { class: "row" }, statusBadge(document), h("span", { class: "muted small" }, `${typeName(document.media_type)} · ${bytes(document.size)} · ${when(document.received_at)}`)),
    document.problem && h("div", { class: "callout bad" }, h("p", {}, explain(document.problem)), h("p", { class: "tiny" }, document.problem.detail)),
    writes && isLocked(document) && unlocking(document, close, onChanged),
    document.warnings.length > 0 && h("div", { class: "callout warning" }, document.warnings.map((one) => h("p", { class: "small" }, one))),
    document.similar?.length > 0 && h("div", { class: "callout" }, h("p", { class: "small" }, t("documents.similar")), h("ul", { class: "small" }, document.similar.map((one) =>
      h("li", {}, h("a", { href: `/documents?details=${one.id}` }, name(one.name)), h("span", { class: "muted" }, ` ${t("documents.similar.share", { collection: one.collection, percent: number(Math.floor(one.similarity * 100)) })}`))))),
    h("dl", { class: "facts" },
      fact("collection", name(document.collection)), document.names.length > 1 && fact("names", document.names.map((one) => h("div", {}, name(one)))),
      document.parent && fact("parent", h("a", { href: `/documents?details=${document.parent}` }, t("documents.parent.open"))),
      document.language && fact("language", document.language), fact("sha256", h("code", {}, document.sha256))),
    h("details", {}, h("summary", {}, t("documents.revisions")), h("ul", { class: "revisions small" }, revisions.map((one) =>
      h("li", {}, h("a", { href: one.content, download: "" }, `${one.revision}. `, name(one.name)), h("span", { class: "muted" }, `${bytes(one.size)} · ${when(one.received_at)}`))))),
    writes && document.status !== "withdrawn" && editor(document, (changed) => { document = changed; onChanged(changed); close(); }),
    h("div", { class: "actions" },
      writes && document.status !== "withdrawn" && [
        h("button", { type: "button", class: "danger", onclick: () => { close(); remove([document], onGone); } }, t("documents.delete")),
        !document.parent && h("button", { type: "button", onclick: () => { close(); move([document], onGone); } }, t("documents.move")),
        h("button", { type: "button", onclick: () => again(document, close, onChanged) }, t("documents.reprocess")),
      ],
      h("a", { class: "button", href: document.links.content, download: "" }, t("documents.original")),
      h("a", { class: "button", href: `/documents/${document.id}` }, t("documents.open"))),
  ]);
}

const fact = (key, value) => [h("dt", {}, t(`documents.${key}`)), h("dd", {}, value)];

async function again(document, close, onChanged) {
  try {
    onChanged(await newest(api.post(`/api/v1/documents/${document.id}/reprocess`, undefined)));
    close();
  } catch (error) {
    notifyProblem(error);
  }
}

/** A value as it is typed: JSON where it is no plain text, so that 2026 stays a number and "2026" a text. */
export const shown = (value) => (typeof value === "string" && !isJson(value) ? value : JSON.stringify(value));
export const meant = (text) => (isJson(text) ? JSON.parse(text) : text);
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function editor(document, onSaved) {
  const called = h("input", { id: "document-name", value: document.name, maxlength: 255, required: true });
  const list = h("div", { class: "stack tight" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const add = (key = "", value = "") => {
    const row = h("div", { class: "row" },
      h("input", { class: "grow", value: key, "aria-label": t("documents.metadata.key"), placeholder: t("documents.metadata.key") }),
      h("input", { class: "grow", value, "aria-label": t("documents.metadata.value"), placeholder: t("documents.metadata.value") }),
      h("button", { type: "button", class: "plain", "aria-label": t("documents.metadata.remove"), onclick: () => row.remove() }, "✕"));
    list.append(row);
    return row;
  };
  for (const [key, value] of Object.entries(document.metadata)) add(key, shown(value));

  const save = async (event) => {
    event.preventDefault();
    const metadata = {};
    for (const row of list.children) {
      const [key, value] = [...row.querySelectorAll("input")].map((input) => input.value.trim());
      if (!key) continue;
      if (key in metadata) return fill(wrong, t("documents.metadata.twice", { key }));
      metadata[key] = meant(value);
    }
    const change = {};
    if (called.value !== document.name) change.name = called.value;
    if (JSON.stringify(metadata) !== JSON.stringify(document.metadata)) change.metadata = metadata;
    try {
      // All metadata is replaced: what somebody else changed meanwhile must not be lost unseen.
      const now = await api.get(`/api/v1/documents/${document.id}`);
      const changedMeanwhile = JSON.stringify(now.metadata) !== JSON.stringify(document.metadata) || now.name !== document.name;
      if (changedMeanwhile && !(await confirmed({ title: t("documents.changed_meanwhile"), text: t("documents.changed_meanwhile.about"), yes: t("documents.overwrite"), danger: true }))) return;
      const changed = Object.keys(change).length ? await newest(api.patch(`/api/v1/documents/${document.id}`, change)) : now;
      notify(t("documents.saved"), "good");
      onSaved(changed);
    } catch (error) {
      fill(wrong, explain(error));
    }
  };
  return h("form", { class: "separate", onsubmit: save },
    h("div", { class: "field" }, h("label", { for: "document-name" }, t("documents.name")), called),
    h("div", { class: "field" }, h("span", { class: "label" }, t("documents.metadata")), list,
      h("button", { type: "button", class: "link", onclick: () => add().querySelector("input").focus() }, t("documents.metadata.add")),
      h("p", { class: "hint" }, t("documents.metadata.about"))),
    wrong, h("div", { class: "actions" }, h("button", { class: "primary" }, t("shell.save"))));
}
