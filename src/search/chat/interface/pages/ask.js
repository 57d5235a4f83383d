// Asking: answers as they come, their sources beside them, conversations at the side.
import { api } from "/shell/api.js";
import { confirmed, empty, explain, notifyProblem } from "/shell/components.js";
import { byId, fill, h } from "/shell/dom.js";
import { stream } from "/shell/sse.js";
import { wakeKorean } from "/shell/waking.js";
import { t } from "/shell/words.js";
import { messageView } from "./message.js";

const MOST_TRIES = 20;
const [messages, form, question, send, stop, sessions] = ["messages", "form", "question", "send", "stop", "sessions"].map(byId);
let session = /^[0-9a-f-]{36}$/.test(new URLSearchParams(location.search).get("session") ?? "") ? new URLSearchParams(location.search).get("session") : null;
let composing = false;
let running = null;
let listing = null;

async function showSessions(cursor) {
  const own = (listing = {});
  const page = await api.get("/api/v1/chat/sessions", { query: { limit: 50, cursor } });
  if (own !== listing) return; // asked for again meanwhile
  const found = page.items.map((one) => h("li", {},
    h("a", { href: `/ask?session=${one.session}`, "aria-current": one.session === session && "page" }, one.title),
    h("button", { type: "button", class: "plain", "aria-label": t("ask.delete", { title: one.title }), onclick: () => remove(one) }, "✕")));
  const more = page.next_cursor && h("li", {}, h("button", { type: "button", class: "plain", onclick: () => showSessions(page.next_cursor).catch(notifyProblem) }, t("shell.more")));
  if (cursor) sessions.lastChild.remove();
  else fill(sessions);
  sessions.append(...[...found, more, !cursor && !found.length && h("li", { class: "muted" }, t("ask.sessions.none"))].filter(Boolean));
  if (cursor) found[0]?.querySelector("a").focus();
}

async function remove(one) {
  if (!(await confirmed({ title: t("ask.delete.title"), text: one.title, yes: t("ask.delete.yes"), danger: true }))) return;
  await api.delete(`/api/v1/chat/${one.session}`).catch(notifyProblem);
  if (one.session === session) location.assign("/ask");
  else showSessions().catch(notifyProblem);
}

async function showMessages() {
  if (!session) return fill(messages, empty(t("ask.empty"), t("ask.empty.about")));
  const { items } = await api.get(`/api/v1/chat/${session}/messages`, { query: { limit: 200 } });
  const asked = messages.querySelector("article"); // by who did not wait for what was said before
  if (!asked) fill(messages);
  for (const one of items) {
    if (one.message_id === running?.messageId) continue;
    const view = messageView(one.question, { session });
    messages.insertBefore(view.element, asked);
    view.restore(one);
    if (one.state === "answering") follow(view, one.message_id, `${one.message_id}:0`);
  }
}

async function ask() {
  const text = question.value.trim();
  if (!text || running) return;
  if (!messages.querySelector("article")) fill(messages);
  const view = messageView(text, { session });
  messages.append(view.element);
  view.element.scrollIntoView({ block: "start" });
  question.value = "";
  const events = stream("POST", "/api/v1/chat", { json: { question: text, session } });
  await read(view, events);
}

/** Takes a broken stream up again where it stood, until the answer is whole. */
const follow = (view, messageId, last) => read(view, stream("GET", `/api/v1/chat/${session}/messages/${messageId}/events`, { headers: { "Last-Event-ID": last } }));

async function read(view, events) {
  running = view;
  send.disabled = true;
  stop.hidden = false;
  messages.setAttribute("aria-busy", "true");
  let last = null;
  for (let tries = 0; ;) {
    try {
      for await (const { event, data, id } of events) {
        last = id ?? last;
        tries = 0;
        if (event === "message_start") {
          if (!session) {
            session = data.data.session;
            history.replaceState(null, "", `/ask?session=${session}`);
          }
        }
        view.hear(event, data.data, session);
      }
      if (view.complete || !last) break;
      throw new Error("broken off");
    } catch (error) {
      if (error.status > 0 || !last || tries >= MOST_TRIES) {
        view.failed(error.status === undefined ? t("ask.broken") : explain(error));
        break;
      }
      // The connection broke: the answer goes on being made, and is read on from here.
      tries += 1;
      await new Promise((resolve) => setTimeout(resolve, Math.min(500 * tries, 3000)));
      events = stream("GET", `/api/v1/chat/${session}/messages/${last.split(":")[0]}/events`, { headers: { "Last-Event-ID": last } });
    }
  }
  running = null;
  send.disabled = false;
  stop.hidden = true;
  messages.setAttribute("aria-busy", "false");
  showSessions().catch(() => {});
}

stop.addEventListener("click", () => {
  if (running?.messageId) api.post(`/api/v1/chat/${session}/messages/${running.messageId}/cancel`, undefined).catch(notifyProblem);
});
form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
question.addEventListener("compositionstart", () => { composing = true; });
question.addEventListener("compositionend", () => { composing = false; });
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing) return;
  event.preventDefault();
  ask();
});
byId("new").addEventListener("click", () => location.assign("/ask"));
wakeKorean(question);

Promise.all([showSessions(), showMessages()]).catch((error) => {
  if (error.status !== 401) fill(messages, h("p", { class: "callout bad" }, explain(error)));
});
