// The flow table, searched by words.

import { get, Refused } from "./api.js";
import { every, fill, find, say } from "./dom.js";
import { count, endpoint, protocol, seconds, short } from "./words.js";

const most = 200;
const names = new Set(["address", "source", "destination", "port", "sourcePort", "destinationPort", "protocol", "state", "rule"]);
const protocols = new Set(["tcp", "udp", "icmp", "icmpv6", "esp", "ah"]);
const states = new Set([
  "synsent", "synreceived", "established", "finwait", "closewait", "lastack", "timewait", "close", "synsent2", "unreplied", "replied",
]);

/** What a person's words ask the API for. */
export function conditions(text) {
  const query = {};
  for (const word of text.split(/\s+/).filter(part => part.length > 0)) {
    const [name, value] = word.includes("=") ? [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)] : [kindOf(word), word];
    query[[...names].find(known => known.toLowerCase() === name.toLowerCase()) ?? name] = value;
  }

  return query;
}

function kindOf(word) {
  if (/^\d{1,5}$/.test(word)) return "port";
  if (/^\d+(\.\d+){3}(\/\d+)?$/.test(word) || /^[0-9a-f]*:[0-9a-f:.]*(\/\d+)?$/i.test(word)) return "address";
  if (protocols.has(word.toLowerCase())) return "protocol";
  return states.has(word.toLowerCase()) ? "state" : "rule";
}

/** Shows them until the signal. */
export function start(signal, problem) {
  let again = new AbortController();
  const search = () => {
    again.abort();
    again = new AbortController();
    every(2000, AbortSignal.any([signal, again.signal]), show, tell);
  };
  const tell = error => {
    const isOurs = error instanceof Refused && error.status === 400;
    say(find("flow-problem"), isOurs ? error.message : "");
    problem(isOurs ? null : error);
  };
  let typing;
  find("flow-words").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, 250);
  }, { signal });
  find("flow-search").addEventListener("submit", event => {
    event.preventDefault();
    search();
  }, { signal });
  search();
}

async function show(signal) {
  // One more, to know whether there are more.
  const flows = await get("/v1/flows", { ...conditions(find("flow-words").value), limit: most + 1 }, signal);
  say(find("flow-count"), flows.length > most ? `the first ${most}; there are more` : `${flows.length} ${flows.length === 1 ? "flow" : "flows"}`);
  fill(
    find("flow-rows"),
    flows.slice(0, most),
    flow => [flow.protocol, flow.source, flow.sourcePort ?? flow.icmpIdentifier, flow.destination, flow.destinationPort ?? flow.icmpType].join(" "),
    flow => [
      protocol(flow.protocol),
      endpoint(flow.source, flow.sourcePort),
      endpoint(flow.destination, flow.destinationPort),
      flow.state,
      flow.rule ?? "",
      `${count(flow.packetsSent)} / ${count(flow.packetsReceived)}`,
      `${short(flow.bytesSent, "B")} / ${short(flow.bytesReceived, "B")}`,
      seconds(flow.ageSeconds),
      seconds(flow.idleSeconds),
      seconds(flow.expiresInSeconds),
    ]);
}
