// What was given up: why, how often it was tried, what it said; one, some or all tried again.
import { api, may } from "/shell/api.js";
import { fill, h } from "/shell/dom.js";
import { confirmed, empty, notify, notifyProblem, spinner } from "/shell/components.js";
import { number, t, when } from "/shell/words.js";

const PATH = "/api/v1/monitor/dead-letters";

export function openLetters(place, summary) {
  const [tools, list] = [h("form", { class: "row" }), h("div", { class: "stack" })];
  fill(place, tools, list);

  async function load(cursor) {
    if (!cursor) fill(list, spinner());
    try {
      const [page, mayReplay] = [await api.get(PATH, { query: { cursor, limit: 50 } }), await may("admin")];
      if (!cursor) fill(list);
      list.querySelector(".more")?.remove();
      if (!page.items.length && !cursor) fill(list, empty(t("monitor.no_dead_letters"), t("monitor.no_dead_letters.text")));
      else if (mayReplay) offer();
      list.append(...page.items.map((letter) => card(letter, mayReplay)));
      if (page.next_cursor) list.append(h("button", { type: "button", class: "more", onclick: () => load(page.next_cursor) }, t("shell.more")));
    } catch (error) {
      notifyProblem(error);
    }
  }

  function offer() {
    if (tools.firstChild) return;
    const reason = h("input", { id: "reason", required: true, maxlength: "500" });
    tools.addEventListener("submit", (event) => {
      event.preventDefault();
      replayAll(reason.value).catch(notifyProblem);
    });
    fill(tools, h("label", { for: "reason", class: "small" }, t("monitor.reason_contains")), reason, h("button", { type: "submit" }, t("monitor.replay_all")));
  }

  // Told first what it would be: the same request as a dry run.
  async function replayAll(reason) {
    const would = await api.post(`${PATH}/replay`, { reason, dry_run: true });
    if (!would.matching) return notify(t("monitor.none_match"));
    const sure = await confirmed({ title: t("monitor.replay_all"), text: t("monitor.replay_many", { count: number(would.matching) }), yes: t("monitor.replay") });
    if (!sure) return;
    for (let left = would.matching; left > 0;) {
      const done = await api.post(`${PATH}/replay`, { reason });
      if (!done.items.length) break;
      left = done.left;
    }
    notify(t("monitor.replayed"), "good");
    summary.now();
    load();
  }

  const card = (letter, mayReplay) => h("article", { class: "card stack tight" },
    h("div", { class: "row spread" }, h("h3", {}, letter.subject), h("span", { class: "muted small" }, when(letter.buried_at))),
    h("p", {}, letter.reason),
    h("p", { class: "row small muted" }, letter.module, " · ", t("monitor.attempts", { count: letter.attempts }),
      letter.replayed_at && t("monitor.replayed_at", { at: when(letter.replayed_at) }),
      letter.document_id && h("a", { href: `/documents/${letter.document_id}` }, t("monitor.to_document"))),
    h("details", {}, h("summary", { class: "small" }, t("monitor.envelope")),
      h("pre", { class: "scrolls small", tabindex: "0" }, typeof letter.content === "string" ? letter.content : JSON.stringify(letter.content, null, 2))),
    mayReplay && h("div", { class: "row" }, h("button", {
      type: "button",
      onclick: async ({ target }) => {
        target.disabled = true;
        try {
          await api.post(`${PATH}/${encodeURIComponent(letter.id)}/replay`, undefined);
          notify(t("monitor.replayed"), "good");
          target.closest("article").remove();
          summary.now();
        } catch (error) {
          target.disabled = false;
          notifyProblem(error);
        }
      },
    }, t("monitor.replay"))));

  load();
}
