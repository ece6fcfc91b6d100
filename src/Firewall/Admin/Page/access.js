// Just-in-time access: ask, see, take back.

import { get, post } from "./api.js";
import { every, fill, find, make, say } from "./dom.js";
import { duration, nameOf, seconds, time } from "./words.js";

let machines = [];

/** Shows it until the signal. */
export function start(signal, isOperator, problem) {
  say(find("ask-result"), "");
  say(find("ask-problem"), "");
  find("ask-fields").disabled = !isOperator;
  find("request-rows").replaceChildren(); // whose buttons belong to an earlier visit
  find("ask-machine").addEventListener("change", showPorts, { signal });
  find("ask-port").addEventListener("change", showLimits, { signal });
  find("requests-all").addEventListener("change", () => refresh(signal, isOperator).catch(problem), { signal });
  find("ask").addEventListener("submit", event => {
    event.preventDefault();
    ask(signal, isOperator);
  }, { signal });
  get("/v1/jit/policies", {}, signal).then(policies => showMachines(policies.value, isOperator)).catch(problem);
  every(1000, signal, () => refresh(signal, isOperator), problem);
}

function showMachines(policies, isOperator) {
  machines = policies.flatMap(policy => policy.properties.virtualMachines);
  find("ask-machine").replaceChildren(...machines.map(machine => make("option", { value: machine.id }, `${nameOf(machine.id)} (${machine.privateIpAddress})`)));
  say(find("ask-note"), !isOperator ? "You have a reader's token: only operators can request access." : machines.length === 0 ? "There is no just-in-time policy (Firewall:JustInTime:Policies)." : "");
  find("ask-fields").disabled = !isOperator || machines.length === 0;
  showPorts();
}

const machineOf = () => machines.find(machine => machine.id === find("ask-machine").value);
// A machine may have one number with several protocols.
const wordOf = port => `${port.number}/${port.protocol}`;
const portOf = () => machineOf()?.ports.find(port => wordOf(port) === find("ask-port").value);

function showPorts() {
  find("ask-port").replaceChildren(...(machineOf()?.ports ?? []).map(port => make("option", { value: wordOf(port) }, `${port.number} ${port.protocol}`)));
  showLimits();
}

function showLimits() {
  const port = portOf();
  if (port === undefined) {
    say(find("ask-limits"), "");
    return;
  }

  const sources = port.allowedSourceAddressPrefixes ?? [port.allowedSourceAddressPrefix];
  const after = machineOf().terminateOnExpiry ? "connections end with it" : "connections go on after it";
  say(find("ask-limits"), `From ${sources.includes("*") ? "anywhere" : sources.join(", ")}, for at most ${duration(port.maxRequestAccessDuration)} (such as 15m or 3h); ${after}.`);
}

async function ask(signal, isOperator) {
  say(find("ask-result"), "");
  say(find("ask-problem"), "");
  const query = { vm: find("ask-machine").value, port: portOf().number, protocol: portOf().protocol, source: find("ask-source").value.trim() };
  if (find("ask-duration").value.trim() !== "") query.duration = find("ask-duration").value.trim();
  if (find("ask-why").value !== "") query.justification = find("ask-why").value;
  try {
    const granted = await post("/v1/jit/initiate", query);
    say(find("ask-result"), `${nameOf(granted.virtualMachine)} port ${granted.port} is open from ${granted.source} until ${time(granted.endTimeUtc)}.`);
    await refresh(signal, isOperator);
  } catch (error) {
    say(find("ask-problem"), error.message);
  }
}

async function revoke(request, signal, isOperator) {
  say(find("ask-result"), "");
  say(find("ask-problem"), "");
  try {
    const ended = await post("/v1/jit/revoke", { id: request.id });
    say(find("ask-result"), `${nameOf(ended.virtualMachine)} port ${ended.port} is closed again for ${ended.source}.`);
    await refresh(signal, isOperator);
  } catch (error) {
    say(find("ask-problem"), error.message);
  }
}

async function refresh(signal, isOperator) {
  const requests = await get("/v1/jit/requests", find("requests-all").checked ? { all: true } : {}, signal);
  fill(find("request-rows"), requests, request => `${request.id} ${request.status}`, request => {
    const isOpen = request.status === "Initiated";
    const name = nameOf(request.virtualMachine);
    return [
      name,
      `${request.port}/${request.protocol}`,
      request.source,
      time(request.endTimeUtc),
      isOpen
        ? { text: `open, ends in ${seconds(Math.max(0, (Date.parse(request.endTimeUtc) - Date.now()) / 1000))}`, className: "allowed" }
        : `ended, ${request.statusReason}`,
      request.requestor,
      request.justification,
      () => (isOpen && isOperator
        ? make("button", { type: "button", "aria-label": `Revoke ${name} port ${request.port} from ${request.source}`, onclick: () => revoke(request, signal, isOperator) }, "Revoke")
        : ""),
    ];
  });
}
