// Denied packets as they happen. They are followed from the beginning, so that they are there when somebody looks.

import { follow } from "./api.js";
import { fill, find, pause } from "./dom.js";
import { clock } from "./words.js";

const most = 200;
const again = 2000;
let number = 0;
let drops = [];
let isPaused = false;

/** Follows them until the signal. */
export async function start(signal, problem) {
  drops = [];
  setPaused(false);
  find("drops-pause").addEventListener("click", () => setPaused(!isPaused), { signal });
  while (!signal.aborted) {
    try {
      await follow("/v1/drops/follow", {}, signal, take);
    } catch (error) {
      if (!signal.aborted) problem(error);
    }

    await pause(again, signal);
  }
}

/** Draws what has come meanwhile. */
export function show() {
  if (isPaused || find("drops").hidden) return;
  fill(find("drop-rows"), drops, drop => drop.key, drop => [
    clock(drop.time),
    drop.suppressed === undefined ? drop.summary ?? "" : `… ${drop.suppressed} more`,
    drop.direction === "Unknown" ? "" : drop.direction ?? "",
    { text: drop.malformed === undefined ? drop.reason : `${drop.reason}: ${drop.malformed}`, className: "denied" },
    drop.rule === undefined ? "" : `${drop.rule} of ${drop.securityGroup}`,
  ]);
}

function take(lines) {
  drops = [...lines.map(drop => ({ ...drop, key: String(++number) })).reverse(), ...drops].slice(0, most);
  show();
}

function setPaused(value) {
  isPaused = value;
  find("drops-pause").setAttribute("aria-pressed", String(value));
  show();
}
