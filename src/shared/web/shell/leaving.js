// Work that leaving the page would break off: who closes it or signs out in the middle is asked first.
import { confirmed } from "/shell/components.js";
import { t } from "/shell/words.js";

const works = [];
let isAgreed = false;

/** `told()` says in words what would be broken off, and gives null while that is nothing. */
export function guard(told) {
  works.push(told);
}

const pending = () => works.map((told) => told()).filter(Boolean);

addEventListener("beforeunload", (event) => {
  if (!isAgreed && pending().length) event.preventDefault();
});
// A page that was left and is come back to by the history is used once more.
addEventListener("pageshow", () => { isAgreed = false; });

/** Whether nothing is under way, or the reader agreed to break it off; the browser then does not ask again. */
export async function mayLeave(yes) {
  const found = pending();
  isAgreed = !found.length || (await confirmed({ title: t("shell.leaving"), text: found.join(" "), yes, danger: true }));
  return isAgreed;
}

/** The page is not left after all: it asks again from now on. */
export const stay = () => { isAgreed = false; };
