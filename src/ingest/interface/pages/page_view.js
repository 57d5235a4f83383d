// A page as a picture, with the place marked on it.
import { api } from "/shell/api.js";
import { explain, spinner } from "/shell/components.js";
import { fill, h } from "/shell/dom.js";
import { number, t } from "/shell/words.js";

const WIDTH = 1400;

export async function pageView(view, { path, place, change, tools, media }) {
  const page = place.page || 1;
  const address = (one) => `${path}/pages/${one}?width=${WIDTH}&format=webp`;
  const turn = (label, to, key) => h("button", { type: "button", disabled: to < 1, id: `turn-${key}`, onclick: () => change({ page: to, view: "page" }) }, label);
  const next = turn(t("reading.next"), page + 1, "next");
  if (media === "application/pdf") {
    tools.append(h("div", { class: "row" }, turn(t("reading.previous"), page - 1, "previous"), h("span", { class: "small", role: "status" }, t("reading.page", { page: number(page) })), next));
  }
  const picture = h("img", { alt: t("reading.page.picture", { page: number(page) }) });
  const sheet = h("div", { class: "sheet", "aria-busy": "true" }, h("p", { class: "callout" }, spinner()), picture);
  fill(view, sheet);
  picture.addEventListener("load", () => {
    sheet.firstChild.remove();
    sheet.removeAttribute("aria-busy");
    // The box is of the page that the link names.
    if (place.box && Number(new URLSearchParams(location.search).get("box_page") ?? page) === page) {
      const box = h("div", { class: "box", role: "img", "aria-label": t("reading.place") });
      const share = (part) => `${part * 100}%`;
      Object.assign(box.style, { left: share(place.box.left), top: share(place.box.top), width: share(place.box.right - place.box.left), height: share(place.box.bottom - place.box.top) });
      sheet.append(box);
      box.scrollIntoView({ block: "center" });
    }
  });
  picture.addEventListener("error", async () => {
    next.disabled = true;
    // A picture does not say why there is none.
    const reason = await api.get(`${path}/pages/${page}?width=16`).then(() => t("reading.page.none"), explain);
    fill(view, h("p", { class: "callout warning" }, reason), page > 1 && h("button", { type: "button", onclick: () => change({ page: 1, view: "page" }) }, t("reading.first")));
  });
  picture.src = address(page);
  // Whether there is another page is known when it was asked for; it is then there when it is turned to.
  if (media === "application/pdf") {
    const following = new Image();
    following.addEventListener("error", () => { next.disabled = true; });
    picture.addEventListener("load", () => { following.src = address(page + 1); }, { once: true });
  }
}
