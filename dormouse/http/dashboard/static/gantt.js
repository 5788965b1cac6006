// Running operations: a bar for each step beside the critical path, the chain of steps that decides when all is done.

import { h, svg } from "./dom.js";
import { duration, moment, words } from "./texts.js";

const MOST_BARS = 200;
const LONG = 20 * 60; // seconds in which nothing begins or ends, from which on a wait is drawn compressed

export function operation(view, now) {
  const elapsed = view.began_at ? (Date.parse(now) - Date.parse(view.began_at)) / 1000 : 0;
  const steps = view.steps.filter((step) => step.began_seconds !== null)
    .map((step) => ({ ...step, end: step.ended_seconds ?? Math.max(elapsed, step.began_seconds) }))
    .sort((one, other) => one.began_seconds - other.began_seconds || one.end - other.end);
  const waiting = view.steps.length - steps.length;
  const scale = scaleOf(steps);
  const critical = criticalPath(steps);
  const drawn = steps.slice(-MOST_BARS);
  const counts = Object.entries(view.step_counts).map(([state, count]) => `${count} ${state}`).join(", ");
  return h("article", { class: "operation", "data-key": view.id },
    h("h3", {}, `${words(view.verb)} ${view.environment ?? ""}`),
    h("p", {}, `Requested by ${view.requested_by ?? "an unknown caller"} (${view.channel ?? "unknown channel"})`,
      view.accepted_at ? `, accepted at ${moment(view.accepted_at)}. ` : ". ", counts && `Steps: ${counts}. `,
      elapsed > 0 && `Running for ${duration(elapsed)}; critical path so far ${duration(pathLength(critical))}.`),
    scale.breaks.length > 0 && h("p", { class: "faint" }, `∥ marks ${scale.breaks.map((one) => duration(one.length)).join(", ")}`
      + " of waiting, drawn shorter than the rest."),
    steps.length - drawn.length > 0 && h("p", { class: "faint" }, `${steps.length - drawn.length} earlier steps are not drawn.`),
    h("ol", { class: "gantt" }, drawn.map((step) => bar(step, scale, critical.has(step.name)))),
    waiting > 0 && h("p", { class: "faint" }, `${waiting} steps wait for others.`));
}

function bar(step, scale, critical) {
  const [begin, end] = [scale.at(step.began_seconds), scale.at(step.end)];
  const took = duration(step.end - step.began_seconds);
  const open = step.ended_seconds === null;
  return h("li", { "data-key": step.name, class: `${critical ? "critical " : ""}${open ? "open" : step.state}` },
    h("span", { class: "name" }, step.name),
    svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", width: 100, height: 10 }),
      svg("rect", { class: "bar", x: begin, width: Math.max(end - begin, 0.6), height: 10 }),
      scale.breaks.map((one) => svg("rect", { class: "break", x: one.x, width: 0.8, height: 10 }))),
    h("span", { class: "value" }, `${took}${open ? " so far" : ""}`,
      h("span", { class: "hidden" }, `, ${step.state}${critical ? ", on the critical path" : ""}`)));
}

// Percent by seconds: linear, but a long time in which no step begins or ends takes little room.
function scaleOf(steps) {
  const points = [...new Set([0, ...steps.flatMap((step) => [step.began_seconds, step.end])])].sort((a, b) => a - b);
  const parts = points.slice(1).map((end, place) => {
    const length = end - points[place];
    return { begin: points[place], length, long: length > LONG };
  });
  const allLong = parts.every((part) => part.long);
  for (const part of parts) {
    part.long &&= !allLong;
    part.shown = part.long ? LONG / 4 : part.length;
  }
  const shown = parts.reduce((sum, part) => sum + part.shown, 0) || 1;
  let x = 0;
  for (const part of parts) {
    part.x = (x / shown) * 100;
    x += part.shown;
  }
  const breaks = parts.filter((part) => part.long).map((part) => ({ x: part.x + ((part.shown / shown) * 100) / 2, length: part.length }));
  const at = (second) => {
    const part = parts.findLast((one) => one.begin <= second) ?? { begin: 0, length: 1, shown: 0, x: 0 };
    return part.x + (((Math.min(second - part.begin, part.length) / (part.length || 1)) * part.shown) / shown) * 100;
  };
  return { at, breaks };
}

// From the step that ends last back through the need that ended last.
function criticalPath(steps) {
  const known = new Map(steps.map((step) => [step.name, step]));
  const path = new Map();
  let step = steps.reduce((one, other) => (!one || other.end > one.end ? other : one), null);
  while (step && !path.has(step.name)) {
    path.set(step.name, step);
    step = step.needs.map((name) => known.get(name)).filter(Boolean).reduce((one, other) => (!one || other.end > one.end ? other : one), null);
  }
  return path;
}

function pathLength(path) {
  return [...path.values()].reduce((sum, step) => sum + step.end - step.began_seconds, 0);
}
