// The HTTP API as pages call it: problems as errors, the session's token with every change, what to do when signed out.
import { t } from "/shell/words.js";

/** RFC 9457 problem details; status 0: the server was not reached. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || t("shell.away"));
    this.status = status;
    this.code = body.code ?? (status ? "unknown" : "unreachable");
    this.title = body.title ?? "";
    this.errors = body.errors ?? [];
    this.retryAfterSeconds = body.retryAfterSeconds ?? 1;
  }
}

let csrfToken = null;
const reachability = new EventTarget();
let reached = true;

/** Calls `listener(true or false)` when the server goes away and comes back. */
export const onReachable = (listener) => reachability.addEventListener("change", () => listener(reached));

function note(is) {
  if (is === reached) return;
  reached = is;
  reachability.dispatchEvent(new Event("change"));
}

// Several requests and streams may be refused at once: each further address would break off the way to the one before.
let leaving = false;
addEventListener("pageshow", () => { leaving = false; });

/** Leads to the sign-in page, and from there back to this place, unless `comesBack` is false. */
export function signIn({ comesBack = true } = {}) {
  if (leaving) return;
  leaving = true;
  const place = encodeURIComponent(location.pathname + location.search + location.hash);
  location.assign(comesBack ? `/sign-in?next=${place}` : "/sign-in");
}

/** One request; gives the Response, or throws a Problem. `signal` cancels: then it throws the AbortError. */
export async function request(method, path, { query, json, body, headers = {}, signal, staysHere = false } = {}) {
  const parameters = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const sent = { ...headers };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  if (csrfToken && !["GET", "HEAD"].includes(method)) sent["X-CSRF-Token"] = csrfToken;
  let response;
  try {
    response = await fetch(parameters.size ? `${path}?${parameters}` : path, {
      method, signal, headers: sent, credentials: "same-origin", body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    note(false);
    throw new Problem(0);
  }
  note(true);
  if (response.ok) return response;
  const problem = new Problem(response.status, {
    ...(await response.json().catch(() => ({}))), retryAfterSeconds: Number(response.headers.get("Retry-After")) || 1,
  });
  if (response.status === 401 && !staysHere) signIn();
  throw problem;
}

const answered = async (response) => (response.status === 204 ? null : response.json());

export const api = {
  get: async (path, options) => answered(await request("GET", path, options)),
  post: async (path, json, options) => answered(await request("POST", path, { json, ...options })),
  put: async (path, json, options) => answered(await request("PUT", path, { json, ...options })),
  patch: async (path, json, options) => answered(await request("PATCH", path, { json, ...options })),
  delete: async (path, options) => answered(await request("DELETE", path, options)),
};

const INSISTED_TRIES = 8;

/** `work()` again while the server is not reached: for what may be done twice, since an answer may be all that was lost. */
export async function insist(work) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (error.status !== 0 || tries === INSISTED_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(500 * 1.6 ** tries, 5000)));
    }
  }
}

/** Every item of a list that comes in pages. */
export async function* items(path, { query = {}, signal } = {}) {
  let cursor;
  do {
    const page = await api.get(path, { query: { ...query, cursor }, signal });
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor);
}

let known;
/** Who uses this page: `{keys_needed, rights, collections, csrf_token, max_upload_bytes}`; asked for once. */
export function session() {
  known ??= api.get("/api/v1/session", { staysHere: location.pathname === "/sign-in" }).then((found) => {
    csrfToken = found.csrf_token;
    return found;
  });
  known.catch(() => { known = undefined; });
  return known;
}

/**
 * Whether the reader may: `read`, `write` or `admin`; `observe` and `operate` are `read` and `admin` of the whole
 * installation, which need every collection. What they may not is not offered.
 */
export async function may(right) {
  const { rights, collections } = await session();
  const whole = { observe: "read", operate: "admin" }[right];
  return whole ? collections === null && rights.includes(whole) : rights.includes(right);
}

/** For uploads by XMLHttpRequest, which alone tells how much was sent. */
export const changeHeaders = () => (csrfToken ? { "X-CSRF-Token": csrfToken } : {});
