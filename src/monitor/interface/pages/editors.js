// Dialogs that make and change rules, channels and silences.
import { api } from "/shell/api.js";
import { h } from "/shell/dom.js";
import { openDialog } from "/shell/components.js";
import { t } from "/shell/words.js";

const PATH = "/api/v1/monitor";
const field = (label, input, hint) => {
  input.id = `field-${input.name}`;
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, hint && h("span", { class: "hint" }, hint));
};
const choice = (name, values, chosen, word) =>
  h("select", { name }, values.map((one) => h("option", { value: one, selected: one === chosen }, word(one))));

/** A form in a dialog; `send(FormData)` may throw a Problem, which is told beside the fields. */
function form(title, fields, send, done) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  openDialog(title, (close) => h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        await send(new FormData(event.target));
        close();
        done();
      } catch (problem) {
        wrong.textContent = problem.detail ?? problem.message;
      }
    },
  }, fields, wrong, h("div", { class: "actions" },
    h("button", { type: "button", onclick: () => close() }, t("shell.cancel")), h("button", { type: "submit", class: "primary" }, t("shell.save")))));
}

/** `rule` is null for a new one. */
export async function editRule(rule, done) {
  const { items: metrics } = await api.get(`${PATH}/metrics`).catch(() => ({ items: [] }));
  const names = h("datalist", { id: "metric-names" }, metrics.map((one) => h("option", { value: one.name })));
  form(rule ? rule.name : t("monitor.new_rule"), [
    field(t("monitor.column.rule"), h("input", { name: "name", required: true, maxlength: "64", value: rule?.name ?? "" })),
    field(t("monitor.metric"), h("input", { name: "metric", required: true, list: "metric-names", value: rule?.metric ?? "" })), names,
    field(t("monitor.rule_kind"), choice("kind", ["threshold", "rate", "absence", "anomaly"], rule?.kind, (one) => t(`monitor.rule_kind.${one}`))),
    h("div", { class: "row" },
      field(t("monitor.operator"), choice("operator", [">", ">=", "<", "<="], rule?.operator, (one) => one)),
      field(t("monitor.value"), h("input", { name: "value", type: "number", step: "any", required: true, value: String(rule?.value ?? "") })),
      field(t("monitor.clear_value"), h("input", { name: "clear_value", type: "number", step: "any", value: String(rule?.clear_value ?? "") }))),
    h("div", { class: "row" },
      field(t("monitor.for_seconds"), h("input", { name: "for_seconds", type: "number", min: "0", required: true, value: String(rule?.for_seconds ?? 60) })),
      field(t("monitor.column.severity"), choice("severity", ["info", "warning", "critical"], rule?.severity ?? "warning", (one) => t(`monitor.severity.${one}`)))),
    h("label", { class: "choice" }, h("input", { name: "enabled", type: "checkbox", checked: rule?.enabled ?? true }), t("monitor.column.on")),
  ], async (data) => {
    const wanted = {
      ...Object.fromEntries(["labels", "depends_on", "repeat_seconds", "channels", "window_seconds", "advice"].filter((name) => rule?.[name] !== undefined).map((name) => [name, rule[name]])),
      name: data.get("name"), metric: data.get("metric"), kind: data.get("kind"), operator: data.get("operator"), value: Number(data.get("value")),
      clear_value: data.get("clear_value") === "" ? null : Number(data.get("clear_value")), for_seconds: Number(data.get("for_seconds")),
      severity: data.get("severity"), enabled: data.get("enabled") !== null,
    };
    if (wanted.clear_value === null) delete wanted.clear_value;
    await (rule ? api.put(`${PATH}/rules/${encodeURIComponent(rule.id)}`, wanted) : api.post(`${PATH}/rules`, wanted));
  }, done);
}

/** `channel` is null for a new one; secrets that are left empty stay as they are. */
export function editChannel(channel, done) {
  const settings = channel?.settings ?? {};
  const kind = choice("kind", ["email", "webhook", "slack"], channel?.kind, (one) => t(`monitor.kind.${one}`));
  const own = {
    email: [
      field(t("monitor.setting.host"), h("input", { name: "email.host", value: settings.host ?? "" })),
      field(t("monitor.setting.port"), h("input", { name: "email.port", type: "number", min: "1", max: "65535", value: String(settings.port ?? "") })),
      field(t("monitor.setting.security"), choice("email.security", ["starttls", "tls", "none"], settings.security, (one) => t(`monitor.security.${one}`))),
      field(t("monitor.setting.from"), h("input", { name: "email.sender", type: "email", value: settings.sender ?? "" })),
      field(t("monitor.setting.to"), h("input", { name: "email.recipients", value: (settings.recipients ?? []).join(", ") })),
      field(t("monitor.setting.user"), h("input", { name: "email.username", autocomplete: "off", value: settings.username ?? "" })),
      field(t("monitor.setting.password"), h("input", { name: "email.password", type: "password", autocomplete: "new-password" }), t("monitor.secret_hint")),
    ],
    webhook: [
      field(t("monitor.setting.url"), h("input", { name: "webhook.url", type: "url", value: settings.url ?? "" })),
      field(t("monitor.setting.secret"), h("input", { name: "webhook.secret", type: "password", autocomplete: "new-password" }), t("monitor.secret_hint")),
    ],
    slack: [field(t("monitor.setting.url"), h("input", { name: "slack.url", type: "password", autocomplete: "off" }), t("monitor.secret_hint"))],
  };
  const groups = Object.entries(own).map(([name, fields]) => h("div", { class: "stack tight", "data-kind": name }, fields));
  const show = () => groups.forEach((group) => { group.hidden = group.dataset.kind !== kind.value; });
  kind.addEventListener("change", show);
  show();
  form(channel ? channel.name : t("monitor.new_channel"), [
    field(t("monitor.name"), h("input", { name: "name", required: true, maxlength: "64", disabled: channel !== null, value: channel?.name ?? "" })),
    field(t("monitor.kind"), kind), groups,
    field(t("monitor.language"), choice("language", ["ko", "en"], settings.language, (one) => ({ ko: "한국어", en: "English" })[one])),
  ], async (data) => {
    const chosen = kind.value;
    const wanted = { language: data.get("language") };
    for (const [name, value] of data) {
      if (name.startsWith(`${chosen}.`) && value !== "") wanted[name.slice(chosen.length + 1)] = value;
    }
    if (wanted.port) wanted.port = Number(wanted.port);
    if (wanted.recipients) wanted.recipients = wanted.recipients.split(/[,;\s]+/).filter(Boolean);
    await (channel ? api.put(`${PATH}/channels/${encodeURIComponent(channel.name)}`, { kind: chosen, settings: wanted })
      : api.post(`${PATH}/channels`, { name: data.get("name"), kind: chosen, settings: wanted }));
  }, done);
}

/** For some hours nobody is told of a rule. */
export function editSilence(rule, done) {
  form(t("monitor.silence"), [
    h("p", {}, rule),
    field(t("monitor.hours"), h("input", { name: "hours", type: "number", min: "0.25", step: "0.25", required: true, value: "2" })),
    field(t("monitor.why"), h("input", { name: "comment", maxlength: "200" })),
  ], async (data) => {
    const ends = new Date(Date.now() + Number(data.get("hours")) * 3600_000).toISOString();
    await api.post(`${PATH}/silences`, { rule, ends_at: ends, comment: data.get("comment") });
  }, done);
}
