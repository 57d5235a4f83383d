// Lines over time, drawn by uPlot in the page's colours, with the newest value as text for who does not see them.
import uPlot from "./uplot.js";
import { h } from "/shell/dom.js";
import { language } from "/shell/words.js";

const HEIGHT = 150;
const SHORTEST_SECONDS = 120;
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * 60);
const GAP = 16;
const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** `light-dark()` has no meaning on a canvas: the colour is read from an element that has it. */
function colour(name) {
  const probe = h("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function width(text, font) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = font;
  return pen.measureText(text).width;
}

/**
 * A chart. `series`: [{label, format}]; `set(times, ...values)` takes seconds since 1970 and one list a series (null:
 * nothing known); `close()` when its place goes.
 */
export function chart(title, series) {
  const figures = series.map(() => h("strong", { class: "number" }, "–"));
  const ground = h("div", { class: "chart", "aria-hidden": "true" });
  const element = h("figure", { class: "card stack tight" },
    h("figcaption", { class: "row spread" }, h("h3", {}, title),
      h("span", { class: "row small" }, series.map((one, place) =>
        h("span", { class: ["key", `series-${place + 1}`] }, one.label, " ", figures[place])))),
    ground);
  let drawn;
  let data = [[], ...series.map(() => [])];

  function draw() {
    drawn?.destroy();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `12px ${styleOf("--font")}` };
    const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
    const label = (seconds) => time.format(new Date(seconds * 1000));
    // As wide as a label is in this language and font: uPlot takes 50 pixels for enough, and they run into one another.
    const space = () => Math.ceil(width(label(43200 + new Date(0).getTimezoneOffset() * 60), axis.font)) + GAP;
    drawn = new uPlot({
      width: Math.max(ground.clientWidth, 120), height: HEIGHT, legend: { show: false }, cursor: { points: { show: false }, drag: { setScale: false } },
      scales: { x: { range: (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - SHORTEST_SECONDS), high ?? 0] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.1] } },
      axes: [
        { ...axis, space, size: 28, incrs: MINUTES, values: (_, moments) => moments.map(label) },
        { ...axis, size: 64, values: (_, values) => values.map((one) => series[0].format(one)) },
      ],
      series: [{}, ...series.map((one, place) => ({ label: one.label, stroke: colour(`--series-${place + 1}`), width: 2, spanGaps: true, points: { show: false } }))],
    }, data, ground);
  }

  const sized = new ResizeObserver(() => ground.clientWidth && (drawn ? drawn.setSize({ width: ground.clientWidth, height: HEIGHT }) : draw()));
  sized.observe(ground);
  document.documentElement.addEventListener("themechange", draw);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", draw);

  return {
    element,
    set(times, ...values) {
      data = [times, ...values];
      values.forEach((list, place) => {
        const last = list.at(-1);
        figures[place].textContent = last === null || last === undefined ? "–" : series[place].format(last);
      });
      drawn?.setData(data);
    },
    close() {
      sized.disconnect();
      document.documentElement.removeEventListener("themechange", draw);
      scheme.removeEventListener("change", draw);
      drawn?.destroy();
    },
  };
}
