// What runs here: model, adapters, limits. Secrets are not known to this page.
import { api } from "/shell/api.js";
import { badge, explain, notifyProblem } from "/shell/components.js";
import { byId, fill, h } from "/shell/dom.js";
import { showKeys } from "/shell/keys.js";
import { bytes, duration, number, t, when } from "/shell/words.js";

const GROUPS = ["adapters", "model", "limits", "server"];

/** By the unit that the name ends with; 0 and null say so themselves. */
function told(name, value) {
  if (value === null) return "–";
  if (Array.isArray(value)) return value.join(", ") || "–";
  if (typeof value !== "number") return String(value);
  if (name.endsWith("_BYTES") && value) return bytes(value);
  if (name.endsWith("_SECONDS") && value >= 1) return duration(value);
  return number(value);
}

function row({ name, value, is_set, is_secret }) {
  return h("tr", {}, h("td", {}, h("code", {}, name)),
    h("td", {}, is_secret ? t(is_set ? "settings.secret.set" : "settings.secret.none") : told(name, value), " ", is_set && !is_secret && badge(t("settings.changed"), "info")));
}

async function show() {
  const { version, settings } = await api.get("/api/v1/settings");
  fill(byId("version"), `Seoga ${version}`);
  fill(byId("groups"), GROUPS.map((group) => h("details", { open: group === "adapters" }, h("summary", {}, t(`settings.group.${group}`)),
    h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": t(`settings.group.${group}`) }, h("table", { class: "table" }, h("tbody", {}, settings.filter((one) => one.group === group).map(row)))))));
  const values = Object.fromEntries(settings.map((one) => [one.name, one.value]));
  const adapters = ["EVENTS", "STORE", "INDEX", "CACHE", "BLOBS"].map((one) => [h("dt", {}, t(`settings.adapter.${one.toLowerCase()}`)), h("dd", {}, h("code", {}, values[`SEOGA_${one}_URL`]))]);
  fill(byId("runs"), h("section", { class: "card" }, h("h2", {}, t("settings.group.adapters")), h("dl", { class: "facts" }, adapters)), await modelCard());
}

/** What the model says of itself, in short: the monitor shows all of it. A server without one says nothing. */
async function modelCard() {
  const model = await api.get("/api/v1/model/status").catch(() => null);
  if (!model) return null;
  const facts = {
    name: model.name,
    engine: [model.engine, model.precision, model.device].filter(Boolean).join(" · "),
    languages: model.languages?.join(", "),
    dimension: model.dimension && number(model.dimension),
    memory: model.memory_bytes && bytes(model.memory_bytes),
    loaded: model.loaded_at && `${when(model.loaded_at)} · ${duration(model.load_seconds)}`,
  };
  return h("section", { class: "card" }, h("h2", {}, t("settings.group.model")),
    h("dl", { class: "facts" }, Object.entries(facts).map(([key, value]) => [h("dt", {}, t(`settings.model.${key}`)), h("dd", {}, value || "–")])));
}

show().catch((error) => { if (error.status !== 401) fill(byId("groups"), h("p", { class: "callout bad" }, explain(error))); });
showKeys().catch((error) => { if (error.status !== 401) notifyProblem(error); });
