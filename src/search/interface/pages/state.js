// What is asked for, as the address has it and as the API wants it.
import { api } from "/shell/api.js";

const PAGE = 20;
const MOST = 100;
const DAY_MILLISECONDS = 86400000;
/** By when documents were received is the index's order; the last two are of what was found and is shown. */
export const SORTS = ["best", "newest", "oldest", "document", "reading"];
export const SINCE_DAYS = { day: 1, week: 7, month: 31, year: 366 };

/** The address is anybody's: what it cannot mean is left out. */
export function readState(search = location.search) {
  const given = new URLSearchParams(search);
  const one = (name, allowed, usual) => (allowed.includes(given.get(name)) ? given.get(name) : usual);
  return {
    query: (given.get("q") ?? "").slice(0, 2000),
    similar: /^[0-9a-f-]{36}$/.test(given.get("similar") ?? "") ? given.get("similar") : "",
    mode: one("mode", ["hybrid", "keyword", "vector"], "hybrid"),
    sort: one("sort", SORTS, "best"),
    grouped: given.get("grouped") === "1",
    collections: given.getAll("collection"),
    types: given.getAll("type"),
    languages: given.getAll("language"),
    since: one("since", Object.keys(SINCE_DAYS), ""),
  };
}

export function stateAddress(state) {
  const told = new URLSearchParams();
  if (state.query) told.set("q", state.query);
  if (state.similar) told.set("similar", state.similar);
  if (state.mode !== "hybrid") told.set("mode", state.mode);
  if (state.sort !== "best") told.set("sort", state.sort);
  if (state.grouped) told.set("grouped", "1");
  for (const name of state.collections) told.append("collection", name);
  for (const type of state.types) told.append("type", type);
  for (const language of state.languages) told.append("language", language);
  if (state.since) told.set("since", state.since);
  return told.size ? `/?${told}` : "/";
}

function filtersOf(state) {
  const filters = {};
  if (state.collections.length) filters.collection = state.collections;
  if (state.types.length) filters.media_type = state.types;
  if (state.languages.length) filters.language = state.languages;
  if (state.since) filters.received_at = { gte: new Date(Date.now() - SINCE_DAYS[state.since] * DAY_MILLISECONDS).toISOString() };
  return filters;
}

/** One page of what is found: from the cursor, or the best, `length` of them where more than a page were shown before. */
export const ask = (state, signal, { cursor, length = PAGE } = {}) => api.post("/api/v1/search", {
  query: state.query.trim(),
  mode: state.mode,
  limit: Math.min(Math.max(length, PAGE), MOST),
  cursor,
  filters: filtersOf(state),
  facets: ["collection", "media_type", "language"],
  sort: ["newest", "oldest"].includes(state.sort) ? state.sort : "score",
  group_by: state.grouped ? "document" : null,
}, { signal });

export const similar = (state, signal) =>
  api.get(`/api/v1/documents/${state.similar}/similar`, { query: { limit: PAGE }, signal });
