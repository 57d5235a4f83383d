// What takes Korean apart is loaded by its first question, in two seconds: it is woken before that is written.
import { api } from "./api.js";
import { language } from "./words.js";

/** For a field in which is searched: now where the page is Korean, else once an input method writes in it. */
export function wakeKorean(field) {
  const wake = () => api.get("/api/v1/hs-codes", { query: { q: "말", limit: 1 } }).catch(() => {});
  if (language === "ko") wake();
  else field.addEventListener("compositionstart", wake, { once: true });
}
