// API keys: listed, made and withdrawn, and what was done with which. Only for who may manage them.
import { api, may, session } from "/shell/api.js";
import { badge, confirmed, explain, notify, notifyProblem, openDialog } from "/shell/components.js";
import { byId, debounced, fill, h, name } from "/shell/dom.js";
import { t, when } from "/shell/words.js";

const PATH = "/api/v1/keys";
const AUDIT = "/api/v1/audit";
const DEEDS = ["document.deleted", "document.moved", "collection.deleted", "dead_letter.replayed", "model.reloaded", "key.made", "key.withdrawn"];
let asked = null;
const RIGHTS = ["read", "write", "admin"];
const scrolls = (label, ...content) => h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": label }, content);
const heads = (...keys) => h("thead", {}, h("tr", {}, keys.map((key) => h("th", { scope: "col" }, t(key)))));
const places = (collections) => (collections === null ? t("keys.everywhere") : collections.join(", "));
const allowed = ({ rights }) => RIGHTS.filter((right) => rights.includes(right)).map((right) => t(`keys.right.${right}`)).join(", ");

/** Shows the section where the reader may manage keys; else it stays hidden. */
export async function showKeys() {
  if (!(await may("operate"))) return;
  const { keys_needed: isClosed } = await session();
  byId("new-key").addEventListener("click", () => make(isClosed));
  filterAudit();
  await Promise.all([list(), audit()]);
  byId("keys").hidden = false;
}

async function list() {
  const { items } = await api.get(PATH);
  fill(byId("audit-keys"), [...items.map((one) => one.name), "anonymous"].map((value) => h("option", { value })));
  fill(byId("key-rows"), items.length ? scrolls(t("keys.title"), h("table", { class: "table" },
    heads("keys.name", "keys.rights", "keys.collections", "keys.created", "keys.used", "keys.action"),
    h("tbody", {}, items.map(row)))) : h("p", { class: "callout warning" }, t("keys.none")));
}

function row(key) {
  return h("tr", { "data-key": key.name }, h("td", {}, name(key.name)), h("td", {}, allowed(key)), h("td", {}, name(places(key.collections))),
    h("td", {}, when(key.created_at)), h("td", {}, when(key.last_used_at)),
    h("td", {}, key.source === "settings" ? badge(t("keys.of_settings")) : h("button", { type: "button", class: "link", onclick: () => withdraw(key.name) }, t("keys.withdraw"))));
}

/** A deed of the audit log; one that a later version wrote is told by its own word. */
const deed = (action) => t(`audit.${action}`) === `audit.${action}` ? action : t(`audit.${action}`);
const day = (text, later = 0) => {
  if (!text) return undefined;
  const at = new Date(`${text}T00:00`);
  at.setDate(at.getDate() + later);
  return at.toISOString();
};

/** Days are the reader's, the last one with all its hours. */
function wanted() {
  const { key_name, action, since, until } = Object.fromEntries(new FormData(byId("audit-filters")));
  return { key_name: key_name.trim() || undefined, action: action || undefined, since: day(since), until: day(until, 1) };
}

async function audit() {
  const query = wanted();
  const isFiltered = Object.values(query).some(Boolean);
  const own = (asked = {});
  const { items, next_cursor: following } = await api.get(AUDIT, { query: { ...query, limit: 20 } });
  if (own !== asked) return;
  const rows = h("tbody", {}, items.map(auditRow));
  fill(byId("audit-rows"), items.length ? scrolls(t("keys.audit"), h("table", { class: "table" }, heads("keys.at", "keys.name", "keys.deed", "keys.subject"), rows))
    : h("p", { class: "muted small" }, t(isFiltered ? "keys.audit.none.filtered" : "keys.audit.none")));
  const offer = (cursor) => fill(byId("audit-more"), cursor && h("button", { type: "button", onclick: () => more(cursor).catch(notifyProblem) }, t("shell.more")));
  const more = async (cursor) => {
    const page = await api.get(AUDIT, { query: { ...query, limit: 20, cursor } });
    if (own !== asked) return;
    rows.append(...page.items.map(auditRow));
    offer(page.next_cursor);
  };
  offer(following);
}

const auditRow = (one) => h("tr", {}, h("td", {}, when(one.at)), h("td", {}, name(one.key_name)), h("td", {}, deed(one.action)),
  h("td", {}, name([one.subject, one.detail].filter(Boolean).join(" · "))));

function filterAudit() {
  fill(byId("audit-action"), h("option", { value: "" }, t("keys.audit.any")), DEEDS.map((one) => h("option", { value: one }, deed(one))));
  const again = debounced(() => audit().catch(notifyProblem), 200);
  byId("audit-filters").addEventListener("input", again);
  byId("audit-filters").addEventListener("submit", (event) => { event.preventDefault(); again.now(); });
}

function make(isClosed) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const input = (id, label, hint, attributes = {}) => h("div", { class: "field" }, h("label", { for: id }, label), h("input", { id, name: id, autocomplete: "off", ...attributes }), hint && h("span", { class: "hint" }, hint));
  openDialog(t("keys.new"), (close) => h("form", {
    class: "stack", onsubmit: async (event) => {
      event.preventDefault();
      const given = new FormData(event.target);
      const collections = given.get("key-collections").split(",").map((one) => one.trim()).filter(Boolean);
      try {
        const made = await api.post(PATH, { name: given.get("key-name"), rights: given.getAll("right"), collections: collections.length ? collections : null });
        close();
        await told(made);
      } catch (problem) {
        wrong.textContent = explain(problem);
      }
    },
  }, !isClosed && h("p", { class: "callout warning" }, t("keys.first")),
  input("key-name", t("keys.name"), t("keys.name.hint"), { required: true, maxlength: "64" }),
  h("fieldset", {}, h("legend", {}, t("keys.rights")), RIGHTS.map((right) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "right", value: right, checked: !isClosed || right === "read" }), t(`keys.right.${right}`)))),
  input("key-collections", t("keys.collections"), t("keys.collections.hint")), wrong,
  h("div", { class: "actions" }, h("button", { type: "button", onclick: () => close() }, t("shell.cancel")), h("button", { type: "submit", class: "primary" }, t("keys.make")))));
}

/** Shows a new key, this once. After the first one this page needs a session, as everybody does. */
async function told(made) {
  if (made.closes_server) await api.post("/api/v1/session", { key: made.key }, { staysHere: true });
  const shown = h("output", { id: "made-key", class: "key" }, made.key);
  const copy = () => navigator.clipboard.writeText(made.key).then(() => notify(t("keys.copied"), "good"), () => getSelection().selectAllChildren(shown));
  openDialog(made.name, (close) => h("div", { class: "stack" },
    h("p", {}, t("keys.once")), shown, made.closes_server && h("p", { class: "callout warning" }, t("keys.closed")),
    h("div", { class: "actions" }, h("button", { type: "button", onclick: copy }, t("keys.copy")), h("button", { type: "button", class: "primary", onclick: () => close() }, t("shell.close")))),
  () => (made.closes_server ? location.reload() : again()));
}

async function withdraw(key) {
  const sure = await confirmed({ title: t("keys.withdraw"), text: t("keys.withdraw.sure", { name: key }), yes: t("keys.withdraw"), danger: true });
  if (!sure) return;
  try {
    await api.delete(`${PATH}/${encodeURIComponent(key)}`);
    await again();
  } catch (problem) {
    notifyProblem(problem);
  }
}

const again = () => Promise.all([list(), audit()]).catch(notifyProblem);
