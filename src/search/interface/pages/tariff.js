// Tariff codes: looked up by words or digits as you type, or gone down to through the tree.
import { api } from "/shell/api.js";
import { explain } from "/shell/components.js";
import { byId, debounced, fill, h } from "/shell/dom.js";
import { wakeKorean } from "/shell/waking.js";
import { number, t } from "/shell/words.js";
import { codeLink, title } from "./codes.js";

const WAIT_MILLISECONDS = 80;
const LEVELS = ["2", "4", "6", "10"];
const MOST = 20;
const [form, goods, level, summary, codes] = ["form", "goods", "level", "summary", "codes"].map(byId);
let running = null;
let composing = false;

fill(level, LEVELS.map((one) => h("option", { value: one }, t(`tariff.level.${one}`))));

function read() {
  const given = new URLSearchParams(location.search);
  goods.value = given.get("q") ?? "";
  level.value = LEVELS.includes(given.get("level")) ? given.get("level") : "6";
}

async function look() {
  running?.abort();
  const own = (running = new AbortController());
  const q = goods.value.trim();
  history.replaceState(null, "", q ? `/hs-codes?${new URLSearchParams({ q, ...(level.value !== "6" && { level: level.value }) })}` : "/hs-codes");
  byId("tree").hidden = Boolean(q);
  if (!q) {
    fill(summary, "");
    return fill(codes);
  }
  try {
    const { items } = await api.get("/api/v1/hs-codes", { query: { q, level: level.value, limit: MOST }, signal: own.signal });
    fill(summary, items.length ? t("tariff.found", { count: items.length === 1 ? 1 : number(items.length) }) : t("tariff.nothing"));
    fill(codes, items.map((one) => h("li", { class: "card" }, codeLink(one), h("span", {}, title(one)),
      h("span", { class: "muted small number" }, t("tariff.confidence", { percent: number(Math.round(one.confidence * 100)) })),
      h("span", { class: "path" }, one.path.map(title).join(" › ")))));
  } catch (error) {
    if (error.name !== "AbortError") fill(summary, explain(error));
  }
}

/** One place of the tree; what is below it is asked for when it is opened. */
function branch(entry) {
  const own = h("ul", {});
  const open = async (event) => {
    if (!event.target.open || own.childElementCount) return;
    try {
      const { children } = await api.get(`/api/v1/hs-codes/${entry.code}`);
      // What is above opens; a link inside what opens could not be told apart from it.
      fill(own, h("li", { class: "leaf" }, h("a", { href: `/hs-codes/${entry.code}` }, t("tariff.page", { code: entry.display }))),
        children.map((child) => (child.level < 10 ? branch(child) : leaf(child))));
    } catch (error) {
      fill(own, h("li", { class: "wrong" }, explain(error)));
    }
  };
  return h("li", {}, h("details", { ontoggle: open }, h("summary", {}, h("span", { class: "digits" }, entry.display), " ", title(entry)), own));
}

const leaf = (entry) => h("li", { class: "leaf" }, codeLink(entry), " ", title(entry));

async function showTree() {
  const { items } = await api.get("/api/v1/hs-codes/chapters");
  fill(byId("chapters"), items.map(branch));
}

const typed = debounced(look, WAIT_MILLISECONDS);
goods.addEventListener("compositionstart", () => { composing = true; typed.stop(); });
goods.addEventListener("compositionend", () => { composing = false; typed(); });
goods.addEventListener("input", (event) => { if (!event.isComposing && !composing) typed(); });
level.addEventListener("change", () => typed.now());
form.addEventListener("submit", (event) => { event.preventDefault(); if (!composing) typed.now(); });
read();
look();
wakeKorean(goods);
showTree().catch((error) => { if (error.status !== 401) fill(byId("chapters"), h("li", { class: "wrong" }, explain(error))); });
