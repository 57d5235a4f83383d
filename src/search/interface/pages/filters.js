// The filters at the side: what the results are of, counted, to be chosen.
import { fill, h, name } from "/shell/dom.js";
import { typeName } from "/shell/media_types.js";
import { language, number, t } from "/shell/words.js";
import { SINCE_DAYS } from "./state.js";

const languages = new Intl.DisplayNames([language], { type: "language" });
const FIELDS = [
  { facet: "collection", chosen: "collections", show: (value) => name(value) },
  { facet: "media_type", chosen: "types", show: typeName },
  { facet: "language", chosen: "languages", show: languageName },
];
// Once something is chosen the answer counts only that; what else there was stays to be chosen.
const offered = new Map();
let offeredFor = null;

function languageName(code) {
  try {
    return languages.of(code);
  } catch {
    return code;
  }
}

export function showFilters(place, facets, state, change) {
  const asked = `${state.query} ${state.mode}`;
  if (asked !== offeredFor) offered.clear();
  offeredFor = asked;
  const focused = document.activeElement?.id;
  fill(place, FIELDS.map((field) => fieldset(field, facets[field.facet] ?? [], state, change)), since(state, change));
  // The boxes are new ones; who just chose one by the keyboard stays on it.
  if (focused?.startsWith("filter-")) document.getElementById(focused)?.focus();
}

function fieldset({ facet, chosen, show }, counted, state, change) {
  const now = new Map(counted.map(({ value, count }) => [value, count]));
  if (!state[chosen].length) offered.set(facet, [...now.keys()]);
  const values = [...new Set([...(offered.get(facet) ?? []), ...now.keys(), ...state[chosen]])];
  if (!values.length) return null;
  const toggle = (value, on) => change({ [chosen]: on ? [...state[chosen], value] : state[chosen].filter((one) => one !== value) });
  return h("fieldset", {}, h("legend", {}, t(`search.filter.${facet}`)), values.map((value) => {
    const id = `filter-${facet}-${value}`;
    return h("label", { class: "choice", for: id },
      h("input", { type: "checkbox", id, checked: state[chosen].includes(value), onchange: (event) => toggle(value, event.target.checked) }),
      h("span", {}, show(value)), now.has(value) && h("span", { class: "muted number" }, number(now.get(value))));
  }));
}

function since(state, change) {
  const select = h("select", { id: "filter-since", onchange: () => change({ since: select.value }) },
    ["", ...Object.keys(SINCE_DAYS)].map((one) => h("option", { value: one }, t(`search.since.${one || "any"}`))));
  select.value = state.since;
  return h("div", { class: "field" }, h("label", { for: "filter-since" }, t("search.since")), select);
}
