// A tariff code as a link, and what it is called in the reader's language.
import { h } from "/shell/dom.js";
import { language } from "/shell/words.js";

export const codeLink = (entry) => h("a", { href: `/hs-codes/${entry.code}` }, entry.display);

/** The other language's title where there is none in this one. */
export function title(entry) {
  const [korean, english] = [entry.title_ko || entry.goods_ko, entry.title_en];
  return (language === "ko" ? korean || english : english || korean) ?? "";
}
