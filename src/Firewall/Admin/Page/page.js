// Sign in, views, and the appliance's status once a second.

import * as access from "./access.js";
import * as activity from "./activity.js";
import { get, Refused, session } from "./api.js";
import { every, find, say } from "./dom.js";
import * as drops from "./drops.js";
import * as flows from "./flows.js";
import * as overview from "./overview.js";
import * as rules from "./rules.js";

// Each process counts its policies from 1 on, and in a container the next one has the same number.
const policyNow = () => (status === null ? undefined : `${status.started} ${status.policy.version}`);

const views = {
  overview: () => overview.draw(),
  rules: signal => rules.start(signal, policyNow, problem),
  flows: signal => flows.start(signal, problem),
  drops: () => drops.show(),
  access: signal => access.start(signal, caller.role === "Operator", problem),
  activity: signal => activity.start(signal, problem),
};

let caller = null;
let status = null;
let signedIn = new AbortController();
let shown = new AbortController();

/** Tells what is wrong, or that nothing is. A token that is not good any more ends the session. */
function problem(error) {
  if (error instanceof Refused && error.status === 401) signOut("The token is not accepted any more.");
  else if (error !== null && error.name !== "AbortError") say(find("connection"), error instanceof Refused ? error.message : "The appliance does not answer.");
  else if (error === null && status !== null) say(find("connection"), "");
}

function show() {
  const wished = location.hash.slice(1);
  if (wished !== "" && !(wished in views)) return;
  const view = caller === null ? "sign-in" : wished || "overview";
  shown.abort();
  shown = new AbortController();
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }

  document.title = caller === null ? "Firewall" : `${find(`${view}-title`).textContent} – Firewall`;
  views[view]?.(AbortSignal.any([signedIn.signal, shown.signal]));
}

async function signIn() {
  caller = await get("/v1/caller");
  say(find("sign-in-problem"), "");
  signedIn = new AbortController();
  document.querySelector("nav").hidden = false;
  find("sign-out").hidden = false;
  overview.clear();
  drops.start(signedIn.signal, problem);
  every(1000, signedIn.signal, async signal => {
    status = await get("/v1/status", {}, signal);
    say(find("appliance"), `${status.device}, ${status.mode}, ${caller.role}`);
    overview.takeStatus(status);
  }, problem);
  show();
}

function signOut(why = "") {
  session.token = null;
  caller = null;
  status = null;
  signedIn.abort();
  document.querySelector("nav").hidden = true;
  find("sign-out").hidden = true;
  say(find("appliance"), "");
  say(find("connection"), "");
  say(find("sign-in-problem"), why);
  show();
  find("token").focus();
}

find("sign-in-form").addEventListener("submit", async event => {
  event.preventDefault();
  session.token = find("token").value.trim();
  find("token").value = "";
  try {
    await signIn();
    find("main").focus();
  } catch (error) {
    session.token = null;
    say(find("sign-in-problem"), error instanceof Refused && error.status === 401 ? "The appliance does not know this token." : `That did not work: ${error.message}`);
  }
});
find("sign-out").addEventListener("click", () => signOut());
window.addEventListener("hashchange", show);

if (session.token === null) show();
else signIn().catch(() => signOut());
