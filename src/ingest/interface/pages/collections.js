// The collections: what each holds; made by the first upload into it, deleted with everything in it.
import { api, insist } from "/shell/api.js";
import { confirmed, explain, notify, openDialog } from "/shell/components.js";
import { fill, h, name } from "/shell/dom.js";
import { bytes, number, t } from "/shell/words.js";

const LOOK_MILLISECONDS = 1000;

export function manageCollections(onChanged, onMade) {
  const table = h("tbody", {});
  const made = h("input", { id: "new-collection", required: true, maxlength: 64, pattern: "[\\p{L}\\p{M}\\p{N}_.\\-]{1,64}", spellcheck: "false" });
  const dialog = openDialog(t("documents.collections"), (close) => [
    h("div", { class: "scrolls" }, h("table", { class: "table" },
      h("thead", {}, h("tr", {}, ["name", "documents", "size"].map((key) => h("th", { scope: "col", class: key === "name" ? "" : "number" }, t(`documents.collections.${key}`))),
        h("th", {}, h("span", { class: "visually-hidden" }, t("documents.deeds"))))), table)),
    h("form", { onsubmit: (event) => { event.preventDefault(); onMade(made.value); notify(t("documents.collections.made", { name: made.value }), "good"); close(); } },
      h("div", { class: "field" }, h("label", { for: "new-collection" }, t("documents.collections.new")),
        h("div", { class: "row" }, made, h("button", {}, t("documents.collections.make"))), h("p", { class: "hint" }, t("documents.collections.new.about")))),
    h("div", { class: "actions" }, h("button", { type: "button", onclick: () => close() }, t("shell.close"))),
  ], onChanged);
  const show = async () => {
    const { items } = await api.get("/api/v1/collections", { query: { limit: 200 } });
    fill(table, items.map((one) => {
      const count = Object.values(one.documents).reduce((sum, each) => sum + each, 0);
      return h("tr", {}, h("td", {}, name(one.name)), h("td", { class: "number" }, number(count)), h("td", { class: "number" }, bytes(one.bytes)),
        h("td", {}, count > 0 && h("button", { type: "button", class: "link", "aria-label": t("documents.collections.delete", { name: one.name }), onclick: () => remove(one.name, count) }, t("documents.delete"))));
    }));
  };
  const remove = async (collection, count) => {
    const sure = await confirmed({
      title: t("documents.collections.delete", { name: collection }), text: t("documents.collections.delete.about", { count: number(count) }), yes: t("documents.delete"), danger: true,
    });
    if (!sure) return;
    try {
      // 202: it goes on by itself, also when this page is closed.
      let removal = await insist(() => api.delete(`/api/v1/collections/${encodeURIComponent(collection)}`));
      while (removal && !removal.finished_at && dialog.isConnected) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
        removal = await insist(() => api.get(removal.progress));
        await insist(show);
      }
    } catch (error) {
      if (error.status !== 404) notify(explain(error), "bad");
    }
    await show().catch((error) => notify(explain(error), "bad"));
  };
  show().catch((error) => notify(explain(error), "bad"));
}
