// Elements. Text only ever becomes text nodes: what comes from documents cannot become markup.

/** An element. Attributes that are false, null or undefined are left out; `on…` are listeners, `class` may be a list. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = [value].flat().filter(Boolean).join(" ");
    else if (name in element && typeof value === "boolean") element[name] = value;
    else if (name === "value") element.value = value;
    else if (["href", "src"].includes(name)) element.setAttribute(name, ownAddress(value));
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Addresses are of this server, or bytes that this page made: never a script's, never another machine's.
function ownAddress(address) {
  const url = new URL(address, location.href);
  return url.origin === location.origin || url.protocol === "blob:" ? address : "#";
}

export const byId = (id) => document.getElementById(id);

/** Puts these in the place of all children. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A name that people gave: signs of another direction in it do not turn its surroundings. */
export const name = (text, attributes = {}) => h("bdi", attributes, text);

/** Calls `work` when there was no call for `milliseconds`; `.now()` does it at once, `.stop()` not at all, `.due()` at once if one waits. */
export function debounced(work, milliseconds) {
  let timer = null;
  let given = [];
  const later = (...values) => {
    later.stop();
    given = values;
    timer = setTimeout(later.due, milliseconds);
  };
  later.stop = () => {
    clearTimeout(timer);
    timer = null;
  };
  later.due = () => {
    if (timer === null) return;
    later.stop();
    work(...given);
  };
  later.now = (...values) => {
    later.stop();
    work(...values);
  };
  return later;
}

/**
 * The text with stretches marked. Offsets are code points, as the API counts; a string of JavaScript has units of 16
 * bits, two of which may be one code point.
 */
export function marked(text, stretches) {
  const points = Array.from(text);
  const nodes = [];
  let at = 0;
  for (const { start, end } of [...stretches].sort((a, b) => a.start - b.start)) {
    const from = Math.max(start, at);
    if (end <= from) continue;
    if (from > at) nodes.push(points.slice(at, from).join(""));
    nodes.push(h("mark", {}, points.slice(from, end).join("")));
    at = end;
  }
  nodes.push(points.slice(at).join(""));
  return nodes;
}
