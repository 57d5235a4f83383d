// Parts that several pages use: notices, dialogs, badges, empty places.
import { byId, h } from "/shell/dom.js";
import { hasWord, t } from "/shell/words.js";

/** A short notice that goes by itself; errors stay until they are closed. `kind`: "info", "good" or "bad". */
export function notify(text, kind = "info", action = null) {
  const close = () => notice.remove();
  const notice = h("div", { class: ["notice", kind] },
    h("div", { class: "stack tight" }, h("span", {}, text), action && h("button", { type: "button", class: "link", onclick: () => { close(); action.run(); } }, action.label)),
    h("button", { type: "button", class: "plain", "aria-label": t("shell.close"), onclick: close }, "✕"));
  byId("notices").append(notice);
  if (kind !== "bad") setTimeout(close, action ? 12000 : 6000);
  return close;
}

/** Tells what went wrong, as the server says it; a cancelled request is no news. */
export function notifyProblem(error) {
  if (error.name === "AbortError") return;
  notify(explain(error), "bad");
}

/** A problem for people: in their language where its code is known, else the server's own words. */
export function explain(problem) {
  const key = `problem.${problem.code}`;
  return hasWord(key) ? t(key, { detail: problem.detail ?? problem.message }) : problem.detail ?? problem.message;
}

/** Asks before something that cannot be taken back; gives whether the answer was yes. */
export function confirmed({ title, text, yes, danger = false }) {
  return new Promise((resolve) => {
    const dialog = openDialog(title, (close) => [
      h("p", {}, text),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => close(false) }, t("shell.cancel")),
        h("button", { type: "button", class: danger ? "danger" : "primary", onclick: () => close(true) }, yes)),
    ], resolve);
    dialog.querySelector(".actions button").focus();
  });
}

let dialogs = 0;

/** A modal dialog; `build(close)` gives its content, `onClosed` gets what `close` was given (undefined: Escape). */
export function openDialog(title, build, onClosed = () => {}) {
  const heading = h("h2", { id: `dialog-${(dialogs += 1)}` }, title);
  const dialog = h("dialog", { "aria-labelledby": heading.id });
  let result;
  const close = (value) => {
    result = value;
    dialog.close();
  };
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClosed(result);
  });
  dialog.append(h("div", { class: "body" }, heading, build(close)));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A short word on its ground; `kind`: "", "good", "warning", "bad" or "info". */
export const badge = (text, kind = "") => h("span", { class: ["badge", kind] }, text);

/** A place with nothing in it: what is missing, and what to do. */
export const empty = (title, text, ...actions) =>
  h("div", { class: "empty" }, h("h2", {}, title), text && h("p", {}, text), actions.length ? h("div", { class: "row" }, actions) : null);

export const spinner = (label = t("shell.loading")) =>
  h("span", { class: "row muted small", role: "status" }, h("span", { class: "waiting", "aria-hidden": "true" }), label);

/** One of several, as buttons side by side; `options`: [value, label]. */
export function segments(label, options, value, onChange) {
  const buttons = options.map(([one, text]) =>
    h("button", { type: "button", "aria-pressed": String(one === value), onclick: () => choose(one) }, text));
  const choose = (chosen) => {
    group.set(chosen);
    onChange(chosen);
  };
  const group = h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
  group.set = (chosen) => options.forEach(([one], place) => buttons[place].setAttribute("aria-pressed", String(one === chosen)));
  return group;
}
