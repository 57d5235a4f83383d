// The page: one view at a time, chosen by what follows `#`; the summary comes by itself while it is looked at.
import { byId, fill, h } from "/shell/dom.js";
import { may } from "/shell/api.js";
import { badge, spinner } from "/shell/components.js";
import { number, t, when } from "/shell/words.js";
import { follow } from "./live.js";
import { openAlerts } from "./alerts.js";
import { openJourneys } from "./journeys.js";
import { openLetters } from "./letters.js";
import { openModel } from "./model.js";
import { openOverview } from "./overview.js";
import { past } from "./past.js";

const VIEWS = {
  overview: openOverview,
  alerts: openAlerts,
  documents: openJourneys,
  "dead-letters": openLetters,
  model: openModel,
};

// What fires is of the whole installation.
if (!(await may("observe").catch(() => true))) delete VIEWS.alerts;

const summary = follow();
summary.past = past(summary);
const live = h("span", { id: "live" });
let close = () => {};

function show() {
  const [name, query = ""] = decodeURIComponent(location.hash.slice(1)).split("?");
  const chosen = name in VIEWS ? name : "overview";
  close();
  fill(byId("views"), h("nav", { "aria-label": t("monitor.views") }, h("ul", { class: "tabs" }, Object.keys(VIEWS).map((one) =>
    h("li", {}, h("a", { href: `#${one}`, "aria-current": one === chosen ? "page" : null }, t(`monitor.view.${one}`)))))));
  const place = fill(byId("view"), spinner());
  close = VIEWS[chosen](place, summary, new URLSearchParams(query)) ?? (() => {});
}

summary.states((state) => {
  const word = badge(t(`monitor.${state}`), state === "live" ? "good" : "warning");
  word.title = t(`monitor.${state}.text`);
  live.dataset.state = state;
  fill(live, word);
});
summary.each((seen) => {
  byId("about").dataset.at = seen.at;
  byId("about").textContent = t("monitor.about", { version: seen.version, at: when(seen.at) });
  const marks = [live, badge(seen.health.ready ? t("monitor.ready") : t("monitor.not_ready"), seen.health.ready ? "good" : "bad")];
  if (seen.stuck) marks.push(h("a", { href: "#documents?stuck" }, badge(t("monitor.stuck", { count: seen.stuck === 1 ? 1 : number(seen.stuck) }), "warning")));
  if (seen.dead_letters) marks.push(h("a", { href: "#dead-letters" }, badge(t("monitor.dead_letters", { count: seen.dead_letters === 1 ? 1 : number(seen.dead_letters) }), "bad")));
  fill(byId("standing"), marks);
});
addEventListener("hashchange", show);
show();
