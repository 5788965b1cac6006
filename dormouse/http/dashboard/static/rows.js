// The list of environments and machines: state, verdict and reason, evidence, what is next, and what the user may do.

import { h } from "./dom.js";
import { peaks } from "./signals.js";
import { duration, inWords, moment, money, words } from "./texts.js";

const VERDICTS = {
  busy: "In use", idle: "Idle", unknown: "Not known", held: "On hold", young: "Just started", scheduled_on: "Scheduled on",
  stopped: "Asleep", stopped_billed: "Off, but billed", unstoppable: "Cannot be stopped", unmanaged: "Not managed",
  evicted: "Evicted", blocked: "Blocked", not_judged: "Not judged yet",
};
const NEXT = {
  check: "Looked at again", warn: "Warned", stop: "Stops", start: "Starts", delete: "Is deleted", hold_ends: "Hold ends",
};
const AWAKE = ["running", "starting", "partial", "stopped_billed", "unknown"];
const ASLEEP = ["stopped", "stopped_billed", "partial", "unknown"];

export function verdictName(verdict) {
  return VERDICTS[verdict] ?? words(verdict);
}

export function row(item, busyWith) {
  const facts = [item.blueprint, item.owner && `of ${item.owner}`, item.size, item.region].filter(Boolean).join(" · ");
  return h("li", { "data-key": item.id, class: `row ${item.verdict ?? "not_judged"}` },
    h("div", { class: "who" }, h("h3", { dir: "auto" }, item.name), h("p", { class: "faint", dir: "auto" }, facts),
      item.environment && item.state !== "deleting" && h("p", {}, h("a", { href: `open/${encodeURIComponent(item.name)}` },
        "Open", h("span", { class: "hidden" }, ` ${item.name}`))),
      item.machines[0]?.stale && h("p", { class: "warning" }, "The last sweep did not see it; it may be gone.")),
    h("div", { class: "why" },
      h("p", {}, h("strong", { class: "badge" }, verdictName(item.verdict ?? "not_judged")), " · ",
        h("span", { class: "state" }, words(item.state)),
        item.since && h("span", { class: "faint" }, ` since ${moment(item.since)}`)),
      h("p", { class: "reason", dir: "auto" }, item.reason),
      item.hold && h("p", { class: "faint", dir: "auto" }, `Hold of ${item.hold.by} until ${moment(item.hold.until)}${item.hold.reason ? `: ${item.hold.reason}` : ""}`)),
    h("div", { class: "evidence" }, awakeOrSo(item) && peaks(leading(item)), item.machines.length > 0 && outside(leading(item))),
    h("div", { class: "next" }, h("ul", { "aria-label": "Next" }, nextSteps(item))),
    buttons(item, busyWith),
    item.machines.length > 0 && details(item));
}

function awakeOrSo(item) {
  return item.machines.length > 0 && item.state !== "stopped";
}

// What others say of a machine: a report or an activity service keeps it awake, and so does a service that cannot be read.
function outside(machine) {
  return [
    ...machine.activity.map((one) => h("p", { class: "faint", dir: "auto" },
      `${one.by} reports it busy until ${moment(one.until)}${one.reason ? `: ${one.reason}` : ""}`)),
    machine.unanswered && h("p", { class: "warning" }, "Its activity service gave no readable answer."),
  ];
}

function leading(item) {
  return item.machines.find((machine) => machine.verdict === item.verdict) ?? item.machines[0];
}

function nextSteps(item) {
  if (!item.next.length) return [h("li", { class: "faint" }, "Nothing is planned.")];
  return item.next.slice(0, 3).map((step) => h("li", {},
    h("strong", {}, NEXT[step.what] ?? words(step.what)), " ",
    step.at ? [h("span", {}, inWords(step.at)), h("span", { class: "faint" }, ` (${moment(step.at)})`)] : "at the next sweep",
    h("span", { class: "because faint" }, step.because)));
}

// Only what the role permits is there. What is not possible now is disabled, with the reason as text.
function buttons(item, busyWith) {
  const running = item.operation ?? busyWith;
  const parts = [];
  const add = (name, label, possible, why, style) => {
    if (item.may.includes(name.split(":")[0])) parts.push({ name, label, possible, why, style });
  };
  const awake = AWAKE.includes(item.state);
  if (awake) add("hold:2h", "Keep awake 2 h", true);
  if (awake) add("hold:", "Hold…", true);
  if (item.hold && !item.hold.by.endsWith(` (on ${leading(item)?.name})`)) add("hold:end", "End hold", true);
  if (item.lease) add("extend:1", "Extend lease by 1 day", true);
  add("start", "Start", !running && ASLEEP.includes(item.state), running ? "" : `It is ${words(item.state).toLowerCase()}.`, "main");
  add("stop", "Stop…", !running && awake, running ? "" : `It is ${words(item.state).toLowerCase()}.`, "danger");
  const shown = parts.filter((part) => part.possible || !["start", "stop"].includes(part.name) || running);
  return h("div", { class: "actions" },
    shown.map(({ name, label, possible, style }) => h("button", {
      type: "button", "data-do": name, "data-id": item.id, "data-key": name, class: style ?? "", disabled: !possible,
      "aria-label": `${label.replace("…", "")} ${item.name}`,
    }, label)),
    running && h("p", { class: "faint" }, `Busy: ${words(item.operation ? verbOf(item.operation, item.name) : running).toLowerCase()} is running.`));
}

function verbOf(operation, name) {
  const rest = operation.startsWith(`${name}-`) ? operation.slice(name.length + 1) : operation;
  return rest.slice(0, -27);
}

function details(item) {
  return h("details", { class: "more", "data-key": "more", "data-evidence": leading(item).id },
    h("summary", {}, "Evidence and machines", h("span", { class: "hidden" }, ` of ${item.name}`)),
    h("div", { "data-own": true, class: "minutes" }),
    h("ul", { class: "machines" }, item.machines.map((machine) => h("li", { "data-key": machine.id },
      h("strong", { dir: "auto" }, machine.name), ` ${words(machine.kind)}, ${machine.size}, ${words(machine.state).toLowerCase()}: `,
      h("span", { dir: "auto" }, machine.reason),
      machine.hours_asleep > 0 && ` Asleep by sweeps for ${duration(machine.hours_asleep * 3600)}, saved ${money(machine.saved_amount, machine.currency)}.`,
      h("code", {}, machine.id)))),
    item.schedule && h("p", {}, `Schedule: ${item.schedule}`),
    item.lease && h("p", {}, `Lease of ${item.lease.by}: ${item.lease.then} at ${moment(item.lease.until)}`),
    item.as_of && h("p", { class: "faint" }, `Judged at ${moment(item.as_of)}.`));
}
