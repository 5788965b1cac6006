// The panels below the list: what runs, the trail, the last sweep, costs. Each is one object, drawn by dashboard.js.

import { h } from "./dom.js";
import { operation } from "./gantt.js";
import { duration, moment, money, plural, words } from "./texts.js";

export const PANELS = [
  { id: "running", title: "Running now", draw: running },
  { id: "costs", title: "Costs this month", draw: costs },
  { id: "trail", title: "Trail", draw: trail },
  { id: "sweep", title: "Last sweep", draw: sweep },
];

function running({ overview }, may) {
  if (!overview.running_total) return [h("p", { class: "faint" }, "Nothing is running.")];
  const cancels = may("own");
  return [
    overview.running_total > overview.running.length
      && h("p", {}, `${plural(overview.running_total, "operation")} running; the newest ${overview.running.length} are drawn.`),
    ...overview.running.map((view) => {
      const drawn = operation(view, overview.now);
      if (cancels && view.verb === "provision" && mayCancel(overview, view)) {
        drawn.append(h("p", { class: "actions" }, h("button", { type: "button", "data-cancel": view.id, class: "danger" }, "Cancel…",
          h("span", { class: "hidden" }, ` ${view.verb} of ${view.environment}`))));
      }
      return drawn;
    }),
  ];
}

function mayCancel(overview, view) {
  const row = overview.value.find((item) => item.environment === view.environment);
  return overview.me.permissions.includes("operate") || Boolean(row?.may.includes("delete"));
}

function trail({ overview }) {
  if (!overview.recent.length) return [h("p", { class: "faint" }, "Nothing has been done yet.")];
  return [table("Operations, newest first", ["When", "What", "Who, and by which channel", "How it ended"], overview.recent.map((view) => [
    view.accepted_at ? moment(view.accepted_at) : "unknown",
    [h("strong", { dir: "auto" }, view.environment ?? "unknown"), ` ${words(view.verb).toLowerCase()}`],
    `${view.requested_by ?? "unknown"} · ${view.channel ?? "unknown"}`,
    [h("span", { class: `outcome ${view.outcome ?? "open"}` }, words(view.outcome ?? "running")), view.reason && ` ${view.reason}`],
  ]), overview.recent.map((view) => view.id))];
}

function sweep({ overview }, may) {
  const { summary } = overview;
  const run = may("operate") && h("p", { class: "actions" },
    h("button", { type: "button", "data-sweep": "dry" }, "Sweep without acting"),
    h("span", { class: "faint" }, "Judges everything again now, and changes nothing."));
  if (!overview.as_of) return [h("p", { class: "faint" }, "No sweep has ended yet. They begin every five minutes."), run];
  return [
    h("dl", { class: "facts" },
      fact("Ended", moment(overview.as_of)),
      fact("Kind", overview.dry_run ? "Only looked" : "Acts on what it finds"),
      fact("Machines in scope", String(summary.machines)),
      fact("Actions", Object.entries(summary.actions).map(([name, count]) => `${count} ${words(name).toLowerCase()}`).join(", ") || "none"),
      fact("Asleep by sweeps, in all", duration(summary.hours_asleep * 3600)),
      fact("Saved by that, at list prices", money(summary.saved_amount, "USD"))),
    !overview.complete && h("p", { class: "warning" }, "It did not see everything:"),
    overview.problems.length > 0 && h("ul", { class: "warning" }, overview.problems.map((problem) => h("li", { dir: "auto" }, problem))),
    run,
  ];
}

function costs({ costs: report, costsProblem, groupBy }) {
  const choices = ["environment", "owner", "blueprint", "day"];
  const select = h("p", { "data-key": "group" }, h("label", { for: "group-by" }, "By "),
    h("select", { id: "group-by" }, choices.map((name) => h("option", { value: name, selected: name === groupBy }, name))));
  if (costsProblem) return [select, h("p", { class: "warning" }, `Costs are not shown: ${costsProblem}`)];
  if (!report) return [select, h("p", { class: "faint" }, "Loading …")];
  const total = report.total;
  const rows = report.value.map((line) => [
    h("span", { dir: "auto" }, line.key), amount(line.figures.spent), amount(line.figures.saved),
    line.forecast ? amount(line.forecast.expected) : "–",
    line.budget ? `${Math.round(line.budget.used_percent)} % of ${amount(line.budget.monthly)}${line.budget.stops ? ", stops" : ""}` : "none",
  ]);
  return [
    select,
    h("p", {}, h("strong", {}, amount(total.spent)), ` spent from ${moment(report.since)} to ${moment(report.until)}, `,
      h("strong", {}, amount(total.saved)), ` saved by sleep (${duration(total.hours_saved * 3600)})`,
      report.forecast ? `; ${amount(report.forecast.expected)} expected by the end of ${report.forecast.month}` : "",
      ". Estimated at list prices before tax and discounts.",
      total.at_least && " Some prices are not known: the sums are lower bounds."),
    rows.length ? table("Costs", ["For", "Spent", "Saved", "Expected this month", "Budget used"], rows, report.value.map((line) => line.key))
      : h("p", { class: "faint" }, "Nothing has cost anything in this month yet."),
    report.next && h("p", { class: "faint" }, "Only the first rows are shown; the API and `dormouse costs` have all of them."),
  ];
}

function amount(value) {
  return value ? money(value.amount, value.currency) : "unknown";
}

function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function table(label, heads, rows, keys) {
  return h("div", { class: "wide", "data-key": "table", tabindex: "0", role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((cells, place) => h("tr", { "data-key": keys[place] },
        cells.map((cell, column) => h(column === 0 ? "th" : "td", column === 0 ? { scope: "row" } : {}, cell)))))));
}
