// The queue of uploads: some at a time, with pause, retry, and what is left. It knows no element of the page.
import { api, changeHeaders, Problem, session } from "/shell/api.js";

const AT_ONCE = 3;
const MOST_TRIES = 6;
const RATE_SECONDS = 20;
const SLICE_MILLISECONDS = 10;
// What systems and offices leave in folders; `seoga ingest` skips the same.
const LEFT_BEHIND = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*|~\$[^/]*|\.git\/.*|__MACOSX\/.*)$/i;

export class UploadQueue extends EventTarget {
  /** Fires `change` when anything did. */
  constructor() {
    super();
    this.items = [];
    this.skipped = 0;
    this.paused = false;
    this.byId = new Map(); // A name that is sent twice is one document of two items.
    this.heardEarly = new Map();
    this.unsure = new Set();
    this.sent = [];
  }

  /** `files`: [{file, name}]; they wait their turn. `early`: their first pages are to be found before they are read to the end. */
  add(files, collection, { early = false } = {}) {
    for (const { file, name } of files) {
      if (LEFT_BEHIND.test(name)) {
        this.skipped += 1;
        continue;
      }
      this.items.push({ file, name, collection, early, size: null, loaded: 0, state: "waiting", tries: 0, problem: null, document: null });
    }
    this.#go();
    this.#measure();
  }

  /** A browser asks the disk for each size, and stands still meanwhile: of thousands a few at a time. */
  async #measure() {
    if (this.measuring) return;
    this.measuring = true;
    // What is added meanwhile comes behind; what is forgotten was measured to be sent.
    for (let item; (item = this.items.find(({ size }) => size === null)); await new Promise((later) => setTimeout(later))) {
      const end = performance.now() + SLICE_MILLISECONDS;
      for (let at = this.items.indexOf(item); at < this.items.length && performance.now() < end; at += 1) this.items[at].size ??= this.items[at].file.size;
    }
    this.measuring = false;
    this.#changed();
  }

  pause() {
    this.paused = true;
    for (const item of this.items) {
      if (item.state !== "sending") continue;
      item.state = "waiting";
      item.request.abort();
    }
    this.#changed();
  }

  resume() {
    this.paused = false;
    this.#go();
  }

  /** Everything that did not arrive once more. */
  retry() {
    for (const item of this.items) if (item.state === "refused") Object.assign(item, { state: "waiting", tries: 0, problem: null, loaded: 0 });
    this.#go();
  }

  /** Forgets what is done. */
  clear() {
    this.items = this.items.filter(({ state }) => ["waiting", "sending"].includes(state));
    this.byId.clear();
    this.skipped = 0;
    this.#changed();
  }

  /** What became of a document, as the stream of all tells it: maybe before the upload's own answer was read. */
  hear(document) {
    if (this.items.some(({ state }) => state === "sending")) this.heardEarly.set(document.id, document);
    const items = this.byId.get(document.id) ?? [];
    for (const item of items) {
      // Of a name that was sent again the former item keeps what became of it.
      if (item !== items.at(-1) && item.state !== "processing") continue;
      item.document = document;
      if (document.status === "searchable") item.state = "done";
      else if (document.status === "failed") Object.assign(item, { state: "failed", problem: document.problem });
      else if (document.status === "withdrawn") item.state = "gone";
    }
    if (items.length) this.#changed();
  }

  /** Asks for everything that is in the works, one by one: it may have been told while nobody heard. */
  async look() {
    for (const item of this.items) if (item.state === "processing") this.unsure.add(item);
    if (this.looking) return;
    this.looking = true;
    for (const item of this.unsure) {
      this.unsure.delete(item);
      if (item.state !== "processing") continue;
      const document = await api.get(`/api/v1/documents/${item.document.id}`).catch(({ status }) => status === 404 && { ...item.document, status: "withdrawn" });
      if (document) this.hear(document);
    }
    this.looking = false;
  }

  /** Numbers for all: files, bytes, and seconds left as the last seconds went (null: not known). */
  get sum() {
    const sum = { files: this.items.length, bytes: 0, loaded: 0, waiting: 0, sending: 0, processing: 0, done: 0, failed: 0, refused: 0, gone: 0, duplicate: 0 };
    for (const item of this.items) {
      sum[item.state] += 1;
      sum.bytes += item.size ?? 0;
      sum.loaded += ["waiting", "sending"].includes(item.state) ? item.loaded : item.size ?? 0;
    }
    const now = performance.now() / 1000;
    this.sent = this.sent.filter(([at]) => now - at < RATE_SECONDS);
    const bytes = this.sent.reduce((total, [, size]) => total + size, 0);
    const seconds = this.sent.length > 1 ? now - this.sent[0][0] : 0;
    sum.secondsLeft = seconds > 1 && bytes ? (sum.bytes - sum.loaded) / (bytes / seconds) : null;
    return sum;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #go() {
    this.#changed();
    let busy = this.items.filter(({ state }) => state === "sending").length;
    if (!busy) this.heardEarly.clear();
    if (this.paused) return;
    for (const item of this.items) {
      if (busy >= AT_ONCE) break;
      if (item.state !== "waiting" || (item.notBefore ?? 0) > Date.now()) continue;
      busy += 1;
      this.#send(item);
    }
  }

  async #send(item) {
    item.state = "sending";
    item.size ??= item.file.size;
    item.loaded = 0;
    item.tries += 1;
    try {
      const { max_upload_bytes: most } = await session(); // And the token for changes; known already but for the first.
      if (item.state !== "sending") return;
      // A server that refuses it hears all of it first: gigabytes for nothing.
      if (item.size > most) throw new Problem(413, { code: "too_large" });
      const document = await this.#put(item);
      Object.assign(item, { document, problem: null, loaded: item.size });
      item.state = document.duplicate ? "duplicate" : "processing";
      if (!document.duplicate) this.#belongs(item, document);
    } catch (problem) {
      if (item.state !== "sending") return; // Paused meanwhile: it waits.
      // The server is away or busy: the file waits and comes again; anything else is an answer.
      if ((problem.status === 0 || problem.status === 408 || problem.status >= 500 && problem.status !== 507) && item.tries < MOST_TRIES) {
        const wait = Math.min(500 * 2 ** item.tries, 15000);
        Object.assign(item, { state: "waiting", loaded: 0, notBefore: Date.now() + wait });
        setTimeout(() => this.#go(), wait + 10);
      } else {
        Object.assign(item, { state: "refused", problem });
      }
    } finally {
      this.#go();
    }
  }

  #belongs(item, document) {
    this.byId.set(document.id, [...(this.byId.get(document.id) ?? []), item]);
    const early = this.heardEarly.get(document.id);
    this.heardEarly.delete(document.id);
    this.hear(early?.revision >= document.revision ? early : document);
  }

  /** By XMLHttpRequest, which alone tells how much was sent. */
  #put(item) {
    return new Promise((resolve, reject) => {
      const request = (item.request = new XMLHttpRequest());
      const name = item.name.split("/").map(encodeURIComponent).join("/");
      request.open("PUT", `/api/v1/documents/${encodeURIComponent(item.collection)}/${name}${item.early ? "?early=true" : ""}`);
      for (const [header, value] of Object.entries(changeHeaders())) request.setRequestHeader(header, value);
      request.upload.addEventListener("progress", (event) => {
        this.sent.push([performance.now() / 1000, event.loaded - item.loaded]);
        item.loaded = event.loaded;
        this.#changed();
      });
      request.addEventListener("load", () => {
        const body = (() => { try { return JSON.parse(request.responseText); } catch { return {}; } })();
        if (request.status < 300) resolve(body);
        else reject(new Problem(request.status, body));
      });
      request.addEventListener("error", () => reject(new Problem(0)));
      request.addEventListener("abort", () => reject(new Problem(0)));
      // What is over is let go: of thousands of files each would hold its request and all that listens to it.
      request.addEventListener("loadend", () => { if (item.request === request) item.request = null; });
      request.send(item.file);
    });
  }
}

/** Files of a drop, those in folders with their paths. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  const found = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const one of some) await collect(one, found);
  }
}
