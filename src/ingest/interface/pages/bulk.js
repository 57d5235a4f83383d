// One change to many documents, some at a time; what was refused is told together.
import { api, insist } from "/shell/api.js";
import { confirmed, explain, notify, openDialog } from "/shell/components.js";
import { h } from "/shell/dom.js";
import { number, t } from "/shell/words.js";

const AT_ONCE = 4;

async function each(documents, change) {
  const waiting = [...documents];
  const refused = [];
  const bar = h("progress", { max: documents.length, value: 0, "aria-label": t("documents.bulk") });
  const dialog = documents.length > AT_ONCE ? openDialog(t("documents.bulk.working"), () => [bar]) : null;
  const worker = async () => {
    for (let document; (document = waiting.shift()); ) {
      try {
        await insist(() => change(document));
      } catch (error) {
        // Another tab was faster, or the answer to the first try was lost.
        if (error.status !== 404 && error.code !== "same_collection") refused.push([document, error]);
      }
      bar.value += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  dialog?.close();
  const done = documents.length - refused.length;
  if (done) notify(t("documents.bulk.done", { count: number(done) }), "good");
  if (refused.length) notify(`${t("documents.bulk.refused", { count: number(refused.length) })} ${refused[0][0].name}: ${explain(refused[0][1])}`, "bad");
}

const path = (document) => `/api/v1/documents/${document.id}`;

export function bulkButtons(chosen, reload) {
  const button = (label, run, kind = "") => h("button", { type: "button", class: kind, onclick: () => run(chosen()) }, label);
  return [
    button(t("documents.reprocess"), async (documents) => {
      await each(documents, (document) => api.post(`${path(document)}/reprocess`, undefined));
      reload();
    }),
    button(t("documents.move"), (documents) => move(documents, reload)),
    button(t("documents.delete"), (documents) => remove(documents, reload), "danger"),
  ];
}

export async function remove(documents, reload) {
  const sure = await confirmed({
    title: t("documents.delete.title", { count: documents.length === 1 ? 1 : number(documents.length) }),
    text: documents.length === 1 ? documents[0].name : t("documents.delete.about"), yes: t("documents.delete"), danger: true,
  });
  if (!sure) return;
  await each(documents, (document) => api.delete(path(document)));
  reload();
}

export async function move(documents, reload) {
  const { items } = await api.get("/api/v1/collections", { query: { limit: 200 } });
  const into = h("input", { id: "move-into", list: "move-collections", required: true, maxlength: 64, pattern: "[\\p{L}\\p{M}\\p{N}_.\\-]{1,64}", spellcheck: "false" });
  const collection = await new Promise((resolve) => openDialog(t("documents.move.title"), (close) => h("form", {
    method: "dialog", onsubmit: (event) => { event.preventDefault(); close(into.value); },
  },
  h("div", { class: "field" }, h("label", { for: "move-into" }, t("documents.move.into")), into,
    h("datalist", { id: "move-collections" }, items.map(({ name }) => h("option", { value: name }))), h("p", { class: "hint" }, t("documents.move.about"))),
  h("div", { class: "actions" }, h("button", { type: "button", onclick: () => close() }, t("shell.cancel")), h("button", { class: "primary" }, t("documents.move")))), resolve));
  if (!collection) return;
  await each(documents, (document) => api.post(`${path(document)}/move`, { collection }));
  reload();
}
