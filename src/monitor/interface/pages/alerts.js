// What fires, the rules that made it fire, and the ways by which people are told.
import { api, items, may } from "/shell/api.js";
import { fill, h } from "/shell/dom.js";
import { badge, confirmed, empty, notify, notifyProblem, spinner } from "/shell/components.js";
import { language, number, t, when } from "/shell/words.js";
import { editChannel, editRule, editSilence } from "./editors.js";

const PATH = "/api/v1/monitor";
const KINDS = { firing: "bad", acknowledged: "warning", pending: "info", suppressed: "", resolved: "good" };

export function openAlerts(place, summary) {
  const parts = Object.fromEntries(["alerts", "silences", "rules", "channels"].map((name) => [name, h("div", { class: "stack tight" }, spinner())]));
  const heads = Object.fromEntries(Object.keys(parts).map((name) => [name, h("div", { class: "row spread" }, h("h2", {}, t(`monitor.${name}`)))]));
  fill(place, Object.keys(parts).map((name) => h("section", { class: "stack tight" }, heads[name], parts[name])));

  const load = {
    async alerts() {
      const [found, mayChange] = [await collect(`${PATH}/alerts`), await may("operate")];
      const open = found.filter((one) => one.state !== "resolved");
      const over = found.filter((one) => one.state === "resolved").slice(0, 20);
      fill(parts.alerts, open.length ? open.map((one) => alertCard(one, mayChange)) : empty(t("monitor.no_alerts"), t("monitor.no_alerts.text")),
        over.length ? h("details", {}, h("summary", { class: "small" }, t("monitor.past_alerts", { count: over.length })), h("div", { class: "stack tight" }, over.map((one) => alertCard(one, false)))) : null);
    },
    async silences() {
      const found = await collect(`${PATH}/silences`);
      fill(parts.silences, found.length ? h("ul", { class: "plain-list" }, found.map((one) => h("li", { class: "card row spread" },
        h("span", { class: "grow" }, one.comment || one.rule || t("monitor.everything")), h("span", { class: "muted small" }, t("monitor.until", { at: when(one.ends_at) })),
        h("button", { type: "button", class: "plain", onclick: () => act("silences", () => api.delete(`${PATH}/silences/${encodeURIComponent(one.id)}`)) }, t("monitor.end"))))) : h("p", { class: "muted small" }, t("monitor.no_silences")));
    },
    async rules() {
      const [found, mayChange] = [await collect(`${PATH}/rules`), await may("operate")];
      fill(parts.rules, h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": t("monitor.rules") }, h("table", { class: "table" },
        h("thead", {}, h("tr", {}, ["rule", "condition", "for", "severity", "on", ""].map((name) => h("th", { scope: "col", class: name === "for" && "number" }, name ? t(`monitor.column.${name}`) : h("span", { class: "visually-hidden" }, t("monitor.column.actions")))))),
        h("tbody", {}, found.map((one) => h("tr", {}, h("td", {}, one.name), h("td", {}, one.condition), h("td", { class: "number" }, t("monitor.seconds", { count: number(one.for_seconds) })),
          h("td", {}, badge(t(`monitor.severity.${one.severity}`), { critical: "bad", warning: "warning", info: "info" }[one.severity])),
          h("td", {}, one.enabled ? t("monitor.yes") : t("monitor.no")),
          h("td", { class: "row" }, mayChange && [
            h("button", { type: "button", class: "plain", onclick: () => editRule(one, reload("rules")) }, t("monitor.edit")),
            !one.built_in && h("button", { type: "button", class: "plain", onclick: () => remove("rules", one.name, `${PATH}/rules/${encodeURIComponent(one.id)}`) }, t("monitor.delete"))])))))));
      if (mayChange) offer("rules", t("monitor.new_rule"), () => editRule(null, reload("rules")));
    },
    async channels() {
      if (!await may("operate")) return fill(parts.channels, h("p", { class: "muted small" }, t("monitor.channels_for_admins")));
      const found = await collect(`${PATH}/channels`);
      fill(parts.channels, found.length ? h("div", { class: "cards" }, found.map(channelCard)) : empty(t("monitor.no_channels"), t("monitor.no_channels.text")));
      offer("channels", t("monitor.new_channel"), () => editChannel(null, reload("channels")));
    },
  };
  const reload = (name) => () => load[name]().catch(notifyProblem);

  function offer(name, text, onclick) {
    heads[name].querySelector("button")?.remove();
    heads[name].append(h("button", { type: "button", onclick }, text));
  }

  async function act(name, work, said) {
    try {
      await work();
      if (said) notify(said, "good");
    } catch (error) {
      notifyProblem(error);
    }
    await reload(name)();
  }

  async function remove(name, what, path) {
    if (await confirmed({ title: t("monitor.delete"), text: t("monitor.delete.text", { what }), yes: t("monitor.delete"), danger: true })) await act(name, () => api.delete(path));
  }

  const alertCard = (one, mayChange) => h("article", { class: ["card", "alert", one.severity, "stack", "tight"] },
    h("div", { class: "row spread" }, h("h3", {}, one.rule), h("span", { class: "row small" }, badge(t(`monitor.alert.${one.state}`), KINDS[one.state]), h("span", { class: "muted" }, t("monitor.since", { at: when(one.since) })))),
    h("p", {}, h("code", {}, one.condition), one.value === null ? "" : ` · ${t("monitor.value_now", { value: number(one.value) })}`),
    Object.keys(one.labels ?? {}).length ? h("p", { class: "small muted" }, Object.entries(one.labels).map(([key, value]) => `${key}=${value}`).join(" · ")) : null,
    one.suppressed_by && h("p", { class: "small" }, t("monitor.suppressed_by", { what: one.suppressed_by })),
    (one.advice[language] ?? one.advice.en) && h("p", { class: "callout small" }, one.advice[language] ?? one.advice.en),
    mayChange && h("div", { class: "row" },
      one.state === "firing" && h("button", { type: "button", class: "primary", onclick: () => act("alerts", () => api.post(`${PATH}/alerts/${encodeURIComponent(one.id)}/acknowledge`, undefined), t("monitor.acknowledged")) }, t("monitor.acknowledge")),
      h("button", { type: "button", onclick: () => act("alerts", () => api.post(`${PATH}/alerts/${encodeURIComponent(one.id)}/resolve`, undefined)) }, t("monitor.resolve")),
      h("button", { type: "button", class: "plain", onclick: () => editSilence(one.rule, reload("silences")) }, t("monitor.silence"))));

  const channelCard = (one) => h("article", { class: "card stack tight" },
    h("div", { class: "row spread" }, h("h3", {}, one.name), badge(t(`monitor.kind.${one.kind}`))),
    h("p", { class: "small muted" }, one.settings.url ?? (one.settings.recipients ?? []).join(", ")),
    one.failing_since && h("p", { class: "callout bad small" }, t("monitor.failing_since", { at: when(one.failing_since), error: one.last_error ?? "" })),
    one.waiting ? h("p", { class: "small" }, t("monitor.notices_waiting", { count: one.waiting })) : null,
    h("div", { class: "row" },
      h("button", { type: "button", onclick: ({ target }) => tryOut(one, target) }, t("monitor.try")),
      h("button", { type: "button", class: "plain", onclick: () => editChannel(one, reload("channels")) }, t("monitor.edit")),
      h("button", { type: "button", class: "plain", onclick: () => remove("channels", one.name, `${PATH}/channels/${encodeURIComponent(one.name)}`) }, t("monitor.delete"))));

  async function tryOut(channel, button) {
    button.disabled = true;
    try {
      const trial = await api.post(`${PATH}/channels/${encodeURIComponent(channel.name)}/test`, undefined);
      notify(trial.delivered ? t("monitor.delivered", { seconds: number(Math.round(trial.seconds * 10) / 10) }) : trial.detail, trial.delivered ? "good" : "bad");
    } catch (error) {
      notifyProblem(error);
    }
    button.disabled = false;
  }

  Object.keys(load).forEach((name) => reload(name)());
  // Several that change at once are one look.
  let due;
  const soon = () => {
    due ??= setTimeout(() => {
      due = undefined;
      load.alerts().catch(() => {});
    }, 300);
  };
  const end = summary.alerts(soon);
  return () => {
    end();
    clearTimeout(due);
  };
}

async function collect(path) {
  const found = [];
  for await (const one of items(path)) found.push(one);
  return found;
}
