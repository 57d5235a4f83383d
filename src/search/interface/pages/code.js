// One tariff code: where it belongs, what is below it, and the documents that mention it.
import { api } from "/shell/api.js";
import { explain } from "/shell/components.js";
import { byId, fill, h, name } from "/shell/dom.js";
import { chunkAddress } from "/shell/places.js";
import { number, t } from "/shell/words.js";
import { codeLink, title } from "./codes.js";

async function show() {
  const code = decodeURIComponent(location.pathname.split("/")[2]);
  const found = await api.get(`/api/v1/hs-codes/${encodeURIComponent(code)}`);
  document.title = `${found.display} ${title(found)} · ${t("shell.name")}`;
  fill(byId("code"), found.display);
  fill(byId("path"), h("a", { href: "/hs-codes" }, t("tariff.title")), found.path.map((one) => [" › ", codeLink(one), " ", h("span", { class: "muted" }, title(one))]));
  fill(byId("titles"), [found.title_ko, found.goods_ko, found.title_en].filter(Boolean).filter((one, at, all) => all.indexOf(one) === at)
    .map((one) => h("span", { lang: one === found.title_en ? "en" : "ko" }, one)));
  fill(byId("state-of-code"), !found.known && h("p", { class: "callout warning" }, t("code.unknown"), found.superseded_by.map((one) => [" ", codeLink(one)])),
    h("dl", { class: "facts" }, found.unit && fact("unit", found.unit), found.valid_from && fact("valid", `${found.valid_from} – ${found.valid_to ?? ""}`)));
  fill(byId("children"), found.children.map((one) => h("li", {}, codeLink(one), " ", title(one))), !found.children.length && h("li", { class: "muted" }, t("code.below.none")));
  const { total, total_is_exact, documents } = found.mentions;
  fill(byId("mentions"), documents.map((one) => h("li", {}, h("a", { href: chunkAddress(one.id, { start: one.start, end: one.end, page: one.page }) }, name(one.name)),
    h("span", { class: "muted" }, ` ${one.surface}`, one.page && ` · ${t("search.page", { page: number(one.page) })}`))), !documents.length && h("li", { class: "muted" }, t("code.mentions.none")));
  fill(byId("mentions-more"), documents.length > 0 && t("code.mentions.total", { count: total === 1 ? 1 : number(total) + (total_is_exact ? "" : "+") }),
    " ", h("a", { href: `/?${new URLSearchParams({ q: found.display })}` }, t("code.search")));
}

const fact = (key, value) => [h("dt", {}, t(`code.${key}`)), h("dd", {}, value)];

show().catch((error) => { if (error.status !== 401) fill(byId("state-of-code"), h("p", { class: "callout bad" }, explain(error))); });
