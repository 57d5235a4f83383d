// What somebody chose, kept in this browser. Cookies: the server paints language and theme by them.
const YEAR_SECONDS = 365 * 86400;

/** Remembers it for a year; the empty value forgets it. */
export const keep = (name, value) => {
  document.cookie = `${name}=${value}; path=/; max-age=${value ? YEAR_SECONDS : 0}; SameSite=Lax`;
};

/** What was kept under this name; else empty. */
export const kept = (name) => document.cookie.split("; ").find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
