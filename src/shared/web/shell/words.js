// The reader's language: words of the shell and of this page, numbers, sizes, times.
const words = JSON.parse(document.getElementById("words").textContent);

export const language = document.documentElement.lang;

/** The word of a key; `{name}` in it is replaced. `key.one` is taken where `values.count` is 1 and there is such a word. */
export function t(key, values = {}) {
  const text = (values.count === 1 && words[`${key}.one`]) || words[key] || key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether there is such a word: for codes that the server may add to. */
export const hasWord = (key) => key in words;

const plain = new Intl.NumberFormat(language);
export const number = (value) => plain.format(value);

export function bytes(size) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = size >= 1 ? Math.min(Math.floor(Math.log10(size) / 3), units.length - 1) : 0;
  const value = size / 1000 ** step;
  const digits = step && value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: "unit", unit: units[step], unitDisplay: step ? "short" : "long", maximumFractionDigits: digits,
  }).format(value);
}

const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
/** An RFC 3339 instant in the reader's time zone. */
export const when = (instant) => (instant ? moments.format(new Date(instant)) : "–");

/** Seconds as people say them, by their largest unit. */
export function duration(seconds) {
  const [unit, size] = seconds < 90 ? ["second", 1] : seconds < 5400 ? ["minute", 60] : seconds < 129600 ? ["hour", 3600] : ["day", 86400];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 })
    .format(Math.max(seconds / size, seconds > 0 ? 1 : 0));
}
