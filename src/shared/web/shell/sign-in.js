// Exchanges a key for a session, and goes back to where the reader was going.
import { api, session } from "/shell/api.js";
import { byId } from "/shell/dom.js";
import { t } from "/shell/words.js";

/** Only places of this server: `next` comes with the address, which anybody may write. */
function destination() {
  const url = new URL(new URLSearchParams(location.search).get("next") || "/", location.origin);
  return url.origin === location.origin && url.pathname !== "/sign-in" ? url.pathname + url.search + url.hash : "/";
}

const [form, key, wrong] = [byId("sign-in"), byId("key"), byId("wrong")];

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = key.value.trim();
  if (!given) return refuse(t("sign-in.empty"));
  try {
    await api.post("/api/v1/session", { key: given }, { staysHere: true });
    location.replace(destination());
  } catch (problem) {
    refuse(problem.status === 401 ? t("sign-in.unknown") : problem.message);
  }
});

function refuse(reason) {
  wrong.textContent = reason;
  key.setAttribute("aria-invalid", "true");
  key.focus();
}

key.focus();
// Who needs no key, or has a session, is through already.
session().then(() => location.replace(destination()), () => {});
