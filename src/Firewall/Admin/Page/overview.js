// How the appliance is: figures, throughput, and what is denied.

import { chart } from "./chart.js";
import { fill, find, make, say } from "./dom.js";
import { count, seconds, short } from "./words.js";

const points = 120;
const history = [];
const rates = { bits: [], denied: [] };
const drawAllowed = chart(find("chart-allowed"), "Allowed", points, "allow", bits => short(bits, "bit/s"));
const drawDenied = chart(find("chart-denied"), "Denied", points, "deny", packets => `${short(packets)} packets/s`);

const tiles = {};
for (const [name, title] of [["allowed", "Allowed"], ["denied", "Denied"], ["flows", "Flows"], ["policy", "Policy"], ["reload", "Last reload"], ["up", "Up"]]) {
  tiles[name] = make("dd");
  find("tiles").append(make("div", {}, make("dt", {}, title), tiles[name]));
}

/** Takes a status, one a second. */
export function takeStatus(status) {
  if (history.length > 0 && status.started !== history.at(-1).started) clear();
  history.push(status);
  if (history.length > 2) history.shift();
  if (history.length === 2) {
    remember(rates.bits, 8 * rate(packets => packets.allowedBytes));
    remember(rates.denied, rate(packets => packets.denied));
  }

  draw();
}

/** Draws what is known, if somebody looks. */
export function draw() {
  const status = history.at(-1);
  if (status === undefined || find("overview").hidden) return;
  say(tiles.allowed, `${short(rates.bits.at(-1) ?? 0, "bit/s")}, ${short(rate(packets => packets.allowed))} packets/s`);
  say(tiles.denied, `${short(rates.denied.at(-1) ?? 0)} packets/s`);
  say(tiles.flows, `${count(status.flows.count)} of ${count(status.flows.maximum)}`);
  say(tiles.policy, `version ${status.policy.version}, ${count(status.policy.securityRules)} ${status.policy.securityRules === 1 ? "rule" : "rules"}`);
  say(tiles.reload, status.reloads.lastResult ?? "none yet");
  tiles.reload.className = status.reloads.lastResult === "Refused" ? "denied" : "";
  say(tiles.up, seconds(status.uptimeSeconds));
  drawAllowed(rates.bits);
  drawDenied(rates.denied);
  fill(
    find("reasons"),
    Object.entries(status.packets.deniedByReason).sort((left, right) => right[1] - left[1]),
    ([reason]) => reason,
    ([reason, packets]) => [reason, count(packets), short(rate(({ deniedByReason }) => deniedByReason[reason] ?? 0))]);
}

// Of something that is counted, by the last two statuses.
function rate(figure) {
  if (history.length < 2) return 0;
  const [before, now] = history;
  const span = (Date.parse(now.time) - Date.parse(before.time)) / 1000;
  return span > 0 ? Math.max(0, figure(now.packets) - figure(before.packets)) / span : 0;
}

/** Forgets the past: it is another process now, or another person. */
export function clear() {
  history.length = 0;
  rates.bits.length = 0;
  rates.denied.length = 0;
}

function remember(values, value) {
  values.push(value);
  if (values.length > points) values.shift();
}
