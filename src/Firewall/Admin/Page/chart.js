// A line over the last two minutes.

import { make } from "./dom.js";

const width = 480;
const height = 120;
const svg = "http://www.w3.org/2000/svg";

/** Makes a chart in a figure. */
export function chart(figure, title, points, className, show) {
  const drawing = document.createElementNS(svg, "svg");
  const area = document.createElementNS(svg, "path");
  const line = document.createElementNS(svg, "path");
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("class", className);
  area.setAttribute("class", "area");
  line.setAttribute("class", "line");
  drawing.append(area, line);
  const now = make("strong");
  const most = make("span", { className: "most" });
  figure.replaceChildren(make("figcaption", {}, `${title} `, now, most), drawing);

  /** Draws the newest values, the newest last. */
  return values => {
    const top = Math.max(1, ...values);
    const x = i => ((points - values.length + i) * width) / (points - 1);
    const y = value => height - 2 - (value / top) * (height - 8);
    const path = values.map((value, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    line.setAttribute("d", path);
    area.setAttribute("d", values.length === 0 ? "" : `${path}L${width} ${height}L${x(0).toFixed(1)} ${height}Z`);
    now.textContent = show(values.at(-1) ?? 0);
    most.textContent = `most in two minutes ${show(Math.max(0, ...values))}`;
    drawing.setAttribute("aria-label", `${title}: ${now.textContent} now, ${most.textContent}`);
  };
}
