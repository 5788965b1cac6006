// What people do on the page: each is one call of the API. What stops something is shown as a dry run first.

import { call } from "./api.js";
import { h } from "./dom.js";
import { minutesUntil, moment, words } from "./texts.js";

const REASON = "from the dashboard";

// Do what a button says; returns what happened in a sentence, or "" if the user changed their mind. Throws Problem.
export async function act(action, item) {
  const [verb, argument] = action.split(":");
  if (verb === "hold") return hold(argument, item);
  if (verb === "extend") return extend(argument, item);
  const path = `environments/${encodeURIComponent(item.name)}/${verb}`;
  if (verb === "stop") {
    const preview = await call(`${path}?dry_run=true`, { method: "POST" });
    const text = `${item.name} is ${words(preview.state).toLowerCase()}. ${item.reason} Programs that run on it end; its disks stay.`;
    if (!(await ask(`Stop ${item.name}?`, text, "Stop it now"))) return "";
  }
  const done = await call(path, { method: "POST" });
  if (!done.operation) return `${item.name} is ${words(done.state).toLowerCase()} already.`;
  return `${words(verb)} of ${item.name} was accepted.${done.note ? ` ${done.note}` : ""}`;
}

export async function cancel(view) {
  const text = "It is rolled back: everything that this operation has created is deleted again.";
  if (!(await ask(`Cancel ${view.verb} of ${view.environment}?`, text, "Cancel and roll back"))) return "";
  await call(`operations/${encodeURIComponent(view.id)}/cancel`, { method: "POST" });
  return `Cancelling ${view.verb} of ${view.environment}.`;
}

async function hold(argument, item) {
  let body = { for: argument, reason: REASON };
  if (argument === "end") body = { for: 0 };
  if (argument === "") {
    body = await askHold(item);
    if (!body) return "";
  }
  const path = item.environment ? `environments/${encodeURIComponent(item.name)}/hold` : "machines/hold";
  const done = await call(path, { method: "POST", body: item.environment ? body : { machine: item.id, ...body } });
  if (!done.hold) return `The hold on ${item.name} has ended; the next sweep judges it by its evidence.`;
  const longer = done.kept === "longer" ? " An earlier hold lasts longer and was kept." : "";
  return `${item.name} is kept awake until ${moment(done.hold.until)}.${longer}`;
}

// A lease counts from now on: a day more is what is left of it, and a day.
async function extend(days, item) {
  const path = item.environment ? `environments/${encodeURIComponent(item.name)}/extend` : "machines/extend";
  const body = { for: `${minutesUntil(item.lease.until) + days * 24 * 60}m`, then: item.lease.then };
  const done = await call(path, { method: "POST", body: item.environment ? body : { machine: item.id, ...body } });
  return done.lease ? `The lease on ${item.name} now ends at ${moment(done.lease.until)}.` : `${item.name} has no lease.`;
}

function askHold(item) {
  const choices = [["1h", "1 hour"], ["2h", "2 hours"], ["4h", "4 hours"], ["8h", "8 hours"], ["1d", "1 day"], ["3d", "3 days"]];
  const duration = h("select", { id: "hold-for" }, choices.map(([value, name]) => h("option", { value }, name)));
  const reason = h("input", { id: "hold-reason", maxlength: "300", autocomplete: "off" });
  const fields = [
    h("label", { for: "hold-for" }, "For"), duration,
    h("label", { for: "hold-reason" }, "Reason, for others to read"), reason,
  ];
  return open(`Keep ${item.name} awake`, "No sweep stops it before the hold ends.", "Hold", fields)
    .then((yes) => yes && { for: duration.value, reason: reason.value });
}

function ask(title, text, label) {
  return open(title, text, label, []);
}

// A dialog of the browser: it keeps the focus inside, Escape closes it, and the focus returns to the button.
function open(title, text, label, fields) {
  const yes = h("button", { type: "submit", value: "yes", class: "main" }, label);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("div", { class: "dialog" },
    h("h2", { id: "dialog-title" }, title), h("p", { dir: "auto" }, text), fields,
    h("p", { class: "actions" }, yes, h("button", { type: "button", value: "no" }, "Not now"))));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("click", (event) => event.target.matches("button") && dialog.close(event.target.value));
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input")) return;
      event.preventDefault(); // else the key also presses the button that gets the focus back
      dialog.close("yes");
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
