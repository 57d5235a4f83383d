// What of the queue is seen, and how files get into it: dropped, or chosen.
import { explain } from "/shell/components.js";
import { byId, fill, h, name } from "/shell/dom.js";
import { keep, kept } from "/shell/kept.js";
import { guard } from "/shell/leaving.js";
import { bytes, duration, number, t } from "/shell/words.js";
import { dropped, UploadQueue } from "./queue.js";
import { firstPages } from "./rows.js";

const MOST_ROWS = 60;
const EARLY = "seoga_early";
const SHOW_MILLISECONDS = 250;
const ORDER = ["sending", "refused", "failed", "processing", "waiting", "duplicate", "done", "gone"];

export function uploads() {
  const queue = new UploadQueue();
  const [place, into, early] = [byId("queue"), byId("into"), byId("early")];
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("documents.queue.progress") });
  const line = h("p", { class: "small", role: "status" });
  const pause = h("button", { type: "button", onclick: () => (queue.paused ? queue.resume() : queue.pause()) });
  const retry = h("button", { type: "button", onclick: () => queue.retry() }, t("shell.retry"));
  const clear = h("button", { type: "button", class: "plain", onclick: () => queue.clear() }, t("documents.queue.clear"));
  const list = h("ol", { tabindex: "0", "aria-label": t("documents.queue.files") });
  place.append(h("div", { class: "row spread" }, line, h("div", { class: "row" }, pause, retry, clear)), bar, list);

  const take = (files) => {
    if (!into.checkValidity() || !into.value) return into.reportValidity() || into.focus();
    queue.add(files, into.value, { early: early.checked });
  };
  const chosen = (input) => {
    take([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
    input.value = "";
  };
  early.checked = kept(EARLY) === "yes";
  early.addEventListener("change", () => keep(EARLY, early.checked ? "yes" : ""));
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", () => chosen(byId(input)));
  }
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", async (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    take(await dropped(event.dataTransfer));
  });
  guard(() => {
    const left = queue.items.filter(({ state }) => ["waiting", "sending"].includes(state)).length;
    return left ? t("documents.queue.leaving", { count: left === 1 ? 1 : number(left) }) : null;
  });

  let due = null;
  queue.addEventListener("change", () => { due ??= setTimeout(show, SHOW_MILLISECONDS); });

  function show() {
    due = null;
    const sum = queue.sum;
    place.hidden = !sum.files && !queue.skipped;
    bar.max = Math.max(sum.bytes, 1);
    bar.value = sum.loaded;
    const left = sum.waiting + sum.sending;
    fill(line, t("documents.queue.sum", {
      arrived: number(sum.files - left - sum.refused), total: number(sum.files), loaded: bytes(sum.loaded), bytes: bytes(sum.bytes), ready: number(sum.done + sum.duplicate),
    }),
    left > 0 && sum.secondsLeft !== null && !queue.paused ? ` · ${t("documents.queue.left", { time: duration(sum.secondsLeft) })}` : "",
    sum.failed + sum.refused ? ` · ${t("documents.queue.failed_count", { count: number(sum.failed + sum.refused) })}` : "",
    queue.skipped ? ` · ${t("documents.queue.skipped", { count: number(queue.skipped) })}` : "");
    fill(pause, t(queue.paused ? "documents.queue.resume" : "documents.queue.pause"));
    pause.hidden = !left;
    retry.hidden = !sum.refused;
    clear.hidden = left === sum.files && !queue.skipped;
    const rows = [...queue.items].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    fill(list, rows.slice(0, MOST_ROWS).map(row), rows.length > MOST_ROWS && h("li", { class: "muted" }, t("documents.queue.more", { count: number(rows.length - MOST_ROWS) })));
  }

  return queue;
}

function row(item) {
  const progress = item.document?.progress;
  const [value, max] = item.state === "processing" && progress ? [progress.done, progress.total] : [item.loaded, item.size || 1];
  const works = ["sending", "processing"].includes(item.state);
  return h("li", { "data-state": item.state },
    name(item.name),
    works ? h("progress", { value, max, "aria-label": item.name }) : h("span", { class: "muted number" }, item.size === null ? "" : bytes(item.size)),
    h("span", { class: "muted" }, t(`documents.queue.${item.state}`)),
    item.document && firstPages(item.document),
    item.problem && h("span", { class: "why" }, explain(item.problem)));
}
