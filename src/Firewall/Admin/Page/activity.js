// Who changed what.

import { get, Refused } from "./api.js";
import { every, fill, find, say } from "./dom.js";
import { nameOf, time } from "./words.js";

const most = 100;

/** Shows it until the signal. */
export function start(signal, problem) {
  every(2000, signal, show, error => {
    const isOff = error instanceof Refused && error.status === 404;
    say(find("activity-problem"), isOff ? error.message : "");
    problem(isOff ? null : error);
  });
}

async function show(signal) {
  const { value } = await get("/v1/activity", { limit: most }, signal);
  fill(find("activity-rows"), value, entry => entry.eventDataId, entry => [
    time(entry.eventTimestamp),
    entry.claims?.ipaddr ? `${entry.caller} (${entry.claims.ipaddr})` : entry.caller,
    entry.operationName.localizedValue,
    { text: entry.status.value, className: entry.status.value === "Succeeded" ? "" : "denied" },
    nameOf(entry.resourceId),
    entry.description,
  ]);
}
