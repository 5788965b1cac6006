// Evidence as small pictures: which signal keeps a machine awake. Each has a sentence, and the minutes also a table.

import { h, svg } from "./dom.js";
import { duration, exact } from "./texts.js";

// The signals of an agent and of Azure Monitor in the groups that people think in.
const GROUPS = [
  ["GPU", ["gpu_percent", "gpu_processes"]],
  ["CPU", ["cpu_percent", "cpu_cores"]],
  ["Network", ["network_bytes_per_second"]],
  ["Disk", ["disk_bytes_per_second"]],
  ["Sessions", ["logins", "connections", "sessions_opaque", "terminals_active"]],
  ["Work", ["jobs", "batch_jobs", "terminal_jobs", "kernels_busy", "kernels_active", "kernels", "containers", "nodes_active"]],
];
const DRAWN = ["gpu_percent", "cpu_percent", "network_bytes_per_second", "logins", "kernels_busy"];
const NAMES = {
  gpu_percent: "GPU", cpu_percent: "CPU", network_bytes_per_second: "Network", disk_bytes_per_second: "Disk",
  connections: "Session connections", logins: "Sessions", kernels_busy: "Busy notebook kernels", gpu_processes: "GPU programs",
};
const STEP = 10; // minutes in a row of the table

export function nameOf(signal) {
  return NAMES[signal] ?? signal.replaceAll("_", " ");
}

export function valueOf(signal, value) {
  if (value === null || value === undefined) return "no data";
  if (signal.endsWith("_percent")) return `${round(value)} %`;
  if (signal === "cpu_cores") return `${round(value)} cores`;
  if (!signal.endsWith("_bytes_per_second")) return String(round(value));
  const unit = value < 1e3 ? 0 : value < 1e6 ? 1 : value < 1e9 ? 2 : 3;
  return `${round(value / 1000 ** unit)} ${["B", "kB", "MB", "GB"][unit]}/s`;
}

// Bars of the highest values in the window: the mark in the middle is the limit, from which on a signal counts as use.
export function peaks(machine) {
  const bars = GROUPS.map(([name, signals]) => barOf(name, signals, machine)).filter(Boolean);
  if (!bars.length) return h("p", { class: "faint" }, "No measurements.");
  return h("ul", { class: "peaks", "aria-label": `Highest values in ${machine.window_minutes ?? "the"} minutes` }, bars);
}

function barOf(name, signals, { measurements, limits }) {
  const known = signals.filter((signal) => signal in measurements && limits[signal]);
  if (!known.length) return null;
  const share = (signal) => measurements[signal] / limits[signal];
  const top = known.reduce((one, other) => (share(other) > share(one) ? other : one));
  const over = share(top) >= 1;
  const width = Math.min(share(top) < 1 ? share(top) * 50 : 50 + Math.log10(share(top)) * 25, 100);
  const sentence = `${valueOf(top, measurements[top])}, limit ${valueOf(top, limits[top])}${over ? ": keeps it awake" : ""}`;
  return h("li", { class: over ? "over" : "" },
    h("span", { class: "name" }, name),
    svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", width: 100, height: 8 }),
      svg("rect", { class: "bar", width: Math.max(width, 1), height: 8 }),
      svg("rect", { class: "limit", x: 49.5, width: 1, height: 8 })),
    h("span", { class: "hidden" }, sentence),
    h("span", { class: "value", "aria-hidden": "true" }, valueOf(top, measurements[top])));
}

// The minutes of an agent as lines, each with a sentence and a table.
export function minutes(evidence, machine) {
  const drawn = DRAWN.filter((signal) => evidence.minutes[signal]);
  if (!drawn.length) {
    return [h("p", { class: "faint" }, evidence.heard_at
      ? "The agent has reported no minutes of late."
      : "No agent reports from this machine: sweeps judge it by what Azure Monitor measures from outside.")];
  }
  const problems = Object.entries(evidence.problems).map(([name, why]) => h("li", {}, `${nameOf(name)}: ${why}`));
  return [
    h("div", { class: "lines" }, drawn.map((signal) => lineOf(signal, evidence, machine))),
    problems.length > 0 && h("ul", { class: "faint" }, problems),
    tableOf(drawn, evidence),
  ];
}

function lineOf(signal, evidence, machine) {
  const values = evidence.minutes[signal];
  const known = values.filter((value) => value !== null);
  const limit = machine.limits[signal];
  const top = signal.endsWith("_percent") ? 100 : Math.max(...known, limit ?? 0, 1) * 1.1;
  const y = (value) => 30 - (Math.min(value, top) / top) * 28;
  const parts = [];
  values.forEach((value, minute) => {
    if (value === null) return;
    parts.push(`${values[minute - 1] === null || minute === 0 ? "M" : "L"}${minute} ${y(value).toFixed(1)}`);
  });
  const last = known.at(-1);
  const sentence = `${nameOf(signal)} in ${duration(values.length * 60)}: at most ${valueOf(signal, Math.max(...known))}, `
    + `last ${valueOf(signal, last)}${limit ? `, limit ${valueOf(signal, limit)}` : ""}.`;
  return h("figure", {},
    svg("svg", { viewBox: `0 0 ${values.length} 32`, preserveAspectRatio: "none", role: "img", "aria-label": sentence },
      svg("path", { class: "area", d: `${parts.join("")}L${values.length - 1} 30L0 30Z` }),
      svg("path", { class: "line", d: parts.join("") }),
      limit && y(limit) > 2 && svg("line", { class: "limit", x1: 0, x2: values.length, y1: y(limit), y2: y(limit) })),
    h("figcaption", {}, sentence));
}

function tableOf(signals, evidence) {
  const count = evidence.minutes[signals[0]].length;
  const begin = Date.parse(evidence.first_minute);
  const rows = [];
  for (let minute = 0; minute < count; minute += STEP) {
    const cells = signals.map((signal) => {
      const part = evidence.minutes[signal].slice(minute, minute + STEP).filter((value) => value !== null);
      return h("td", {}, part.length ? valueOf(signal, Math.max(...part)) : "no data");
    });
    rows.push(h("tr", {}, h("th", { scope: "row" }, exact(new Date(begin + minute * 60_000))), cells));
  }
  return h("details", { "data-key": "table" }, h("summary", {}, `As a table (highest values in ${STEP} minutes)`),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Minutes as a table" },
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "From"),
        signals.map((signal) => h("th", { scope: "col" }, nameOf(signal))))), h("tbody", {}, rows))));
}

function round(value) {
  return value >= 10 ? Math.round(value) : Math.round(value * 10) / 10;
}
