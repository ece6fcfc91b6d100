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
  const before = history.at(-1);
  if (before !== undefined && status.process !== before.process) clear();
  const last = history.at(-1);
  history.push(status);
  if (history.length > 10) history.shift();
  const span = last === undefined ? 0 : (Date.parse(status.time) - Date.parse(last.time)) / 1000;
  const rate = (now, then) => (span > 0 ? Math.max(0, now - then) / span : 0);
  const bits = rate(8 * status.packets.allowedBytes, 8 * (last?.packets.allowedBytes ?? 0));
  const allowed = rate(status.packets.allowed, last?.packets.allowed ?? 0);
  const denied = rate(status.packets.denied, last?.packets.denied ?? 0);
  if (span > 0) {
    remember(rates.bits, bits);
    remember(rates.denied, denied);
  }

  if (find("overview").hidden) return;
  say(tiles.allowed, `${short(bits, "bit/s")}, ${short(allowed)} packets/s`);
  say(tiles.denied, `${short(denied)} packets/s`);
  say(tiles.flows, `${count(status.flows.count)} of ${count(status.flows.maximum)}`);
  say(tiles.policy, `version ${status.policy.version}, ${count(status.policy.securityRules)} rules`);
  say(tiles.reload, status.reloads.lastResult ?? "none yet");
  tiles.reload.className = status.reloads.lastResult === "Refused" ? "denied" : "";
  say(tiles.up, seconds(status.uptimeSeconds));
  drawAllowed(rates.bits);
  drawDenied(rates.denied);
  const was = last?.packets.deniedByReason ?? {};
  fill(
    find("reasons"),
    Object.entries(status.packets.deniedByReason).sort((left, right) => right[1] - left[1]),
    ([reason]) => reason,
    ([reason, packets]) => [reason, count(packets), short(rate(packets, was[reason] ?? 0))]);
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
