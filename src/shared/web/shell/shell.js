// What every page has around it: language, theme, who is signed in, and whether the server is there.
import { api, may, onReachable, session, signIn } from "/shell/api.js";
import { byId, fill, h } from "/shell/dom.js";
import { notifyProblem } from "/shell/components.js";
import { keep } from "/shell/kept.js";
import { mayLeave, stay } from "/shell/leaving.js";
import { language, t } from "/shell/words.js";

function themeButton() {
  const themes = ["", "light", "dark"];
  const root = document.documentElement;
  const button = h("button", { type: "button", class: "plain", id: "theme" });
  const show = () => {
    const theme = root.dataset.theme ?? "";
    const label = t(`shell.theme.${theme || "system"}`);
    fill(button, { "": "◐", light: "☀", dark: "☾" }[theme]);
    button.title = label;
    button.setAttribute("aria-label", label);
  };
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    keep("seoga_theme", next);
    show();
    root.dispatchEvent(new Event("themechange"));
  });
  show();
  return button;
}

function languageButton() {
  const other = language === "ko" ? "en" : "ko";
  const switchLanguage = () => {
    keep("seoga_language", other);
    location.reload();
  };
  return h("button", { type: "button", class: "plain", id: "language", lang: other, onclick: switchLanguage },
    other === "ko" ? "한국어" : "English");
}

async function accountButton(tools) {
  const who = await session();
  for (const entry of document.querySelectorAll("nav [data-needs]")) entry.hidden = !(await may(entry.dataset.needs));
  if (!who.keys_needed) return;
  const signOut = async () => {
    if (!(await mayLeave(t("shell.sign_out")))) return;
    try {
      await api.delete("/api/v1/session");
    } catch (error) {
      // Still signed in, unless it was the session that is over: that leads to the sign-in page by itself.
      if (error.status !== 401) stay();
      return notifyProblem(error);
    }
    signIn({ comesBack: false });
  };
  tools.append(h("button", { type: "button", class: "plain", id: "sign-out", onclick: signOut }, t("shell.sign_out")));
}

const tools = byId("tools");
tools.append(languageButton(), themeButton());
onReachable((reached) => {
  fill(byId("state"), reached ? "" : t("shell.away"));
  if (!reached) lookAgain();
});
accountButton(tools).catch(() => {});

// The server is looked for until it is there again: what listens then goes on where it was.
async function lookAgain(waitMilliseconds = 1000) {
  await new Promise((resolve) => setTimeout(resolve, waitMilliseconds));
  const there = await api.get("/health/live").then(() => true, () => false);
  if (!there) lookAgain(Math.min(waitMilliseconds * 1.5, 10000));
}
