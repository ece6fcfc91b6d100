// The effective rules with their hits.

import { get } from "./api.js";
import { every, fill, find, make } from "./dom.js";
import { count, nameOf, time } from "./words.js";

const columns = ["Priority", "Name", "Access", "Protocol", "Source", "Destination", "Hits", "Last hit"];
const classes = { Priority: "number", Hits: "number", "Last hit": "whole" };
let shown = null;
let groups = [];

/** Shows them until the signal; draws them anew when another policy is in force. */
export function start(signal, policyNow, problem) {
  shown = null;
  every(2000, signal, async () => {
    const policy = policyNow();
    const [rules, hits] = await Promise.all([
      shown === policy ? null : get("/v1/rules", { asWritten: true }, signal),
      get("/v1/rules/hits", {}, signal),
    ]);
    if (rules !== null) {
      draw(rules.value);
      shown = policy;
    }

    fillIn(new Map(hits.map(hit => [keyOf(hit.securityGroup, resourceName(hit.rule), hit.direction), hit])));
  }, problem);
}

function draw(value) {
  groups = [];
  const parts = value.map(group => {
    const id = group.networkSecurityGroup.id;
    const name = nameOf(id);
    // What hits call the group if another one has the same name.
    const longName = `${/\/resourceGroups\/([^/]+)/i.exec(id)?.[1]}/${name}`;
    const place = group.association.subnet?.id ?? group.association.networkInterface?.id;
    const tables = ["Inbound", "Outbound"].map(direction => {
      const rules = group.effectiveSecurityRules.filter(rule => rule.direction === direction);
      const body = make("tbody");
      groups.push({ name, longName, direction, rules, body });
      return make(
        "table", { className: "cards" }, make("caption", {}, direction),
        make("thead", {}, make("tr", {}, ...columns.map(title => make("th", { scope: "col", className: classes[title] ?? "" }, title)))), body);
    });
    return make("section", {}, make("h3", {}, name), make("p", { className: "note" }, place ? `on ${place}` : "on all protected addresses"), ...tables);
  });
  find("groups").replaceChildren(...parts);
}

function fillIn(hits) {
  for (const { name, longName, direction, rules, body } of groups) {
    fill(body, rules, rule => rule.name, rule => {
      const hit = hits.get(keyOf(name, rule.name, direction)) ?? hits.get(keyOf(longName, rule.name, direction));
      return [
        String(rule.priority),
        nameOf(rule.name),
        { text: rule.access, className: rule.access === "Allow" ? "allowed" : "denied" },
        rule.protocol,
        end(rule, "source"),
        end(rule, "destination"),
        hit === undefined ? "" : count(hit.hits),
        hit?.lastHit ? time(hit.lastHit) : "never",
      ];
    });
  }
}

function end(rule, side) {
  const groupsOf = rule[`${side}ApplicationSecurityGroups`];
  const prefixes = (rule[`${side}AddressPrefixes`] ?? []).map(hostOf);
  const addresses = groupsOf !== undefined ? groupsOf.map(group => nameOf(group.id)).join(", ") : prefixes.includes("::/0") && prefixes.includes("0.0.0.0/0") ? "any" : list(prefixes);
  const ports = (rule[`${side}PortRanges`] ?? []).map(range => (range === "0-65535" ? "any" : range.replace(/^(\d+)-\1$/, "$1")));
  return ports.includes("any") ? addresses : `${addresses} : ${list(ports)}`;
}

function list(values) {
  const most = 8;
  return values.length > most ? `${values.slice(0, most).join(", ")} and ${values.length - most} more` : values.join(", ");
}

// Hits have the names of flow logs.
const resourceName = rule => rule.replace(/^UserRule_/, "securityRules/").replace(/^DefaultRule_/, "defaultSecurityRules/");
const hostOf = prefix => prefix.replace(/^([\d.]+)\/32$/, "$1").replace(/^(.*:.*)\/128$/, "$1");
const keyOf = (group, rule, direction) => `${group}\n${rule}\n${direction}`;
