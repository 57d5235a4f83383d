// One question and its answer: text with numbers that open their passage, codes, what was not supported, what to do.
import { api } from "/shell/api.js";
import { explain, notify, notifyProblem, spinner } from "/shell/components.js";
import { byId, fill, h, name } from "/shell/dom.js";
import { chunkAddress } from "/shell/places.js";
import { hasWord, language, number, t } from "/shell/words.js";

export function messageView(question, { session }) {
  const [answer, buttons, remarks, deeds] = [h("div", { class: "answer", dir: "auto" }), h("div", { class: "row" }), h("div", { class: "stack tight" }), h("div", { class: "row" })];
  const element = h("article", { class: "card stack" }, h("p", { class: "said" }, question), answer, buttons, remarks, deeds);
  const view = { element, messageId: null, complete: false };
  const citations = [];
  const problems = [];
  let text = "";

  function draw() {
    if (!text && !view.complete) return fill(answer, spinner(t("ask.thinking")));
    fill(answer, pieces(text, citations));
  }
  function told(ended, degraded, unsupported) {
    fill(remarks, problems, hasWord(`ask.ended.${ended}`) && h("p", { class: "callout warning small" }, t(`ask.ended.${ended}`)),
      unsupported > 0 && h("p", { class: "callout warning small" }, t("ask.unsupported", { count: unsupported === 1 ? 1 : number(unsupported) })),
      [...new Map(citations.filter(firstPages).map((one) => [one.document.id, one])).values()].map((one) => h("p", { class: "callout small early" }, name(one.document.name), ": ", firstPages(one))),
      degraded.map((one) => h("p", { class: "callout warning small" }, hasWord(`ask.degraded.${one}`) ? t(`ask.degraded.${one}`) : one)));
    fill(deeds, h("button", { type: "button", class: "plain", onclick: copy }, t("ask.copy")),
      ["up", "down"].map((rating) => h("button", { type: "button", class: "plain", "aria-pressed": "false", onclick: (event) => rate(rating, event.currentTarget) }, t(`ask.rate.${rating}`))));
  }
  async function copy() {
    const sources = [...new Map(citations.map((one) => [one.number, one])).values()].map((one) => `[${one.number}] ${[one.document.name, one.chunk.page && t("ask.page", { page: one.chunk.page }), firstPages(one)].filter(Boolean).join(", ")}: “${one.quote}”`);
    await navigator.clipboard.writeText([question, text, ...sources].join("\n\n")).then(() => notify(t("ask.copied"), "good"), notifyProblem);
  }
  async function rate(rating, button) {
    try {
      await api.post(`/api/v1/chat/${session}/messages/${view.messageId}/feedback`, { rating });
      for (const one of deeds.querySelectorAll("[aria-pressed]")) one.setAttribute("aria-pressed", String(one === button));
    } catch (error) {
      notifyProblem(error);
    }
  }
  const codeButton = (one) => h("a", { class: "button", href: `/hs-codes/${encodeURIComponent(one.code)}`, title: one.evidence?.text }, h("span", { class: "code" }, one.display), h("span", { class: "muted" }, (language === "ko" ? one.title_ko : one.title_en) ?? one.title_en ?? ""));

  view.hear = (event, data, ofSession) => {
    session = ofSession;
    if (event === "message_start") view.messageId = data.message_id;
    else if (event === "answer_delta") text += data.text;
    else if (event === "citation") citations.push(data);
    else if (event === "detail_page_button_ready") buttons.append(codeButton(data));
    else if (event === "error") {
      problems.push(h("p", { class: "callout warning small" }, explain(data)));
      fill(remarks, problems);
    }
    else if (event === "message_complete") {
      view.complete = true;
      told(data.finish_reason, data.degraded, data.unsupported_sentences);
    }
    draw();
  };
  view.failed = (reason) => {
    view.complete = true;
    draw();
    remarks.append(h("p", { class: "callout bad" }, reason));
  };
  view.restore = (kept) => {
    view.messageId = kept.message_id;
    view.complete = kept.state !== "answering";
    if (!view.complete) return draw();
    text = kept.answer;
    citations.push(...kept.citations);
    for (const one of kept.buttons) buttons.append(codeButton(one));
    told(kept.finish_reason, kept.degraded, kept.unsupported_sentences);
    if (kept.feedback) deeds.querySelectorAll("[aria-pressed]")[kept.feedback.rating === "up" ? 0 : 1].setAttribute("aria-pressed", "true");
    draw();
  };
  draw();
  return view;
}

/** The text, each source's number behind the sentence it is for; sentences that their source does not bear out are marked. */
function pieces(text, citations) {
  const nodes = [];
  let done = 0;
  for (const one of citations) {
    const at = text.indexOf(one.sentence, done);
    if (at < 0) continue;
    const end = at + one.sentence.length;
    nodes.push(text.slice(done, at), one.supported ? one.sentence : h("span", { class: "unsupported", title: t("ask.unsupported.one_sentence") }, one.sentence), source(one));
    done = end;
  }
  nodes.push(text.slice(done));
  return nodes;
}

/** Of how many pages the answer was made, where its document was still being read. Answers that were kept before may not say. */
const firstPages = ({ document: { early } }) => early && t("ask.early", { done: number(early.pages_done), total: number(early.pages_total) });

const source = (cited) => h("button", {
  type: "button", class: "cited", "aria-label": t("ask.open_source", { number: cited.number, name: cited.document.name }), onclick: () => openPassage(cited),
}, String(cited.number));

function openPassage(cited) {
  const place = byId("passage");
  place.hidden = false;
  fill(place, h("div", { class: "row spread" }, h("h2", { tabindex: "-1" }, `[${cited.number}] `, name(cited.document.name)), h("button", { type: "button", class: "plain", "aria-label": t("shell.close"), onclick: () => { place.hidden = true; } }, "✕")),
    h("p", { class: "small muted" }, [cited.chunk.page && t("ask.page", { page: cited.chunk.page }), cited.chunk.headings.join(" › "), firstPages(cited)].filter(Boolean).join(" · ")),
    h("blockquote", { dir: "auto" }, cited.quote),
    !cited.supported && h("p", { class: "callout warning small" }, t("ask.unsupported.one_sentence")),
    h("a", { class: "button", href: chunkAddress(cited.document.id, { start: cited.start, end: cited.end, page: cited.chunk.page, box: cited.chunk.box }) }, t("ask.read")));
  place.querySelector("h2").focus();
}
