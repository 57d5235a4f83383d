// Files with a password: asked for here, handed to the server once, kept by neither.
import { api } from "/shell/api.js";
import { explain, notify } from "/shell/components.js";
import { fill, h } from "/shell/dom.js";
import { t } from "/shell/words.js";
import { newest } from "./told.js";

// Locked by keys, not by a word that one could type.
const BY_KEYS = ["message/rfc822", "application/vnd.ms-outlook", "application/epub+zip"];

/** What a password may open; a part is read with the password of what it was found in. */
export const isLocked = ({ status, problem, parent, media_type }) =>
  status === "failed" && problem?.code === "encrypted" && !parent && !BY_KEYS.includes(media_type);

/** The form; `close` ends the dialog it stands in, `onChanged` gets the document that is read again. */
export function unlocking(document, close, onChanged) {
  const password = h("input", { id: "document-password", type: "password", class: "grow", required: true, maxlength: 1000, autocomplete: "off", autofocus: true, "aria-describedby": "password-about" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const send = async (event) => {
    event.preventDefault();
    try {
      onChanged(await newest(api.post(`/api/v1/documents/${document.id}/reprocess`, { password: password.value })));
      notify(t("documents.password.sent"), "info");
      close();
    } catch (error) {
      fill(wrong, explain(error));
    }
  };
  return h("form", { onsubmit: send }, h("div", { class: "field" },
    h("label", { for: "document-password" }, t("documents.password")),
    h("div", { class: "row" }, password, h("button", { class: "primary" }, t("documents.password.open"))),
    h("p", { class: "hint", id: "password-about" }, t("documents.password.about"))), wrong);
}
