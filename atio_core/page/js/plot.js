// Versions over time: rows, bytes, and what each change added and removed. Arrow keys go from version to version.

const PANELS = [["rows", 110], ["size", 110], ["rows that each change added and removed", 110]];
const LEFT = 58;
const RIGHT = 14;
const BETWEEN = 36;

function plot(table, state) {
  const place = h("div", { class: "plot", tabindex: "0", role: "slider", "aria-label": "Version", "aria-valuemin": table.order[0].version,
    "aria-valuemax": table.order[table.order.length - 1].version });
  let axis = "version";
  let shown = null;
  const choices = ["version", "time"].map((name) => h("button", { "aria-pressed": String(name === axis), onclick: () => {
    axis = name;
    choices.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === `By ${name}`)));
    draw();
  } }, `By ${name}`));

  function draw() {
    shown = drawn(table, axis, Math.max(280, place.clientWidth || 900));
    place.replaceChildren(shown.svg);
    point(state.chosen);
  }

  function point(version) {
    place.setAttribute("aria-valuenow", version.version);
    place.setAttribute("aria-valuetext", `version ${version.version}, ${minute(version)} UTC, ${version.operation}, ${counted(version.rows, "row")}, ${size(version.bytes)}`);
    for (const end of ["x1", "x2"]) shown.cursor.setAttribute(end, shown.x[version.place]);
  }

  place.addEventListener("keydown", (event) => {
    const last = table.order.length - 1;
    const to = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -last, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    state.choose(table.order[Math.min(Math.max(state.chosen.place + to, 0), last)]);
  });
  place.addEventListener("click", (event) => {
    const box = place.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * shown.width;
    state.choose(table.order.reduce((best, one) => (Math.abs(shown.x[one.place] - x) < Math.abs(shown.x[best.place] - x) ? one : best)));
  });
  state.onChoice(point);
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    draw();
  }).observe(place);
  draw();
  return h("div", {}, h("div", { class: "choices", role: "group", "aria-label": "Horizontal axis" }, choices), place,
    h("p", { class: "quiet" }, legend(table)));
}

function legend(table) {
  const told = ["A dot is a version. Arrow keys, or a click, choose one."];
  if (table.versions.some((one) => one.kept && !one.kept.length)) told.push("A hollow dot goes with the next expiry.");
  if (table.expired.length) told.push("Hatched: versions that have expired.");
  if (table.tags.length) told.push("A flag is a tag.");
  return told.join(" ");
}

function drawn(table, axis, width) {
  const order = table.order;
  const where = axis === "time" ? (one) => one.time_ms : (one) => one.version;
  const first = axis === "time" ? where(order[0]) : Math.min(where(order[0]), table.expired.length ? table.expired[0][0] : Infinity);
  const last = where(order[order.length - 1]);
  const across = (value) => (last > first ? LEFT + (value - first) / (last - first) * (width - LEFT - RIGHT) : (LEFT + width - RIGHT) / 2);
  const x = order.map((one) => across(where(one)));
  const bottom = PANELS.reduce((sum, [, height]) => sum + height + BETWEEN, 0);
  const cursor = s("line", { class: "cursor", y1: 16, y2: bottom - 6 });
  const svg = s("svg", { viewBox: `0 0 ${width} ${bottom + 20}`, "aria-hidden": "true" },
    s("defs", {}, s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6 }))));
  svg.append(...gaps(table, axis, across, bottom));
  let top = 0;
  PANELS.forEach(([title, height], at) => {
    const bounds = { top: top + 28, bottom: top + 28 + height - 6, width };
    svg.append(s("text", { class: "panel", x: 4, y: top + 13 }, title));
    if (at < 2) svg.append(...steps(order, x, at === 0 ? (one) => one.rows : (one) => one.bytes, at === 0 ? short : size, bounds));
    else svg.append(...bars(order, x, bounds));
    top += height + BETWEEN;
  });
  svg.append(...flags(order, x), cursor, ...ends(order, axis, first, width, bottom));
  return { svg, cursor, x, width };
}

function short(value) {
  return Intl.NumberFormat("en", { notation: "compact" }).format(value);
}

function grid(values, told, bounds) {
  return values.map((value) => {
    const y = bounds.y(value);
    return [s("line", { class: "axis", x1: LEFT, x2: bounds.width - RIGHT, y1: y, y2: y }),
      s("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, told(Math.abs(value)))];
  }).flat();
}

function steps(order, x, value, told, bounds) {
  const most = Math.max(1, ...order.map(value));
  const y = (of) => bounds.bottom - of / most * (bounds.bottom - bounds.top);
  const path = order.map((one, at) => `${at ? `H${x[at].toFixed(1)}V` : `M${x[at].toFixed(1)},`}${y(value(one)).toFixed(1)}`).join("");
  const many = order.length > 200;
  const kind = (one) => `dot${one.kept && !one.kept.length ? " goes" : ""}${many ? " small" : ""}`;
  return [...grid([0, most], told, { ...bounds, y }), s("path", { class: "line", d: path }),
    ...order.map((one, at) => s("circle", { class: kind(one), cx: x[at].toFixed(1), cy: y(value(one)).toFixed(1), r: many ? 1.5 : 3.5 }))];
}

function bars(order, x, bounds) {
  const up = Math.max(0, ...order.map((one) => one.added.rows));
  const down = Math.max(0, ...order.map((one) => one.removed.rows));
  const scale = (bounds.bottom - bounds.top) / Math.max(1, up + down);
  const zero = bounds.top + up * scale;
  const y = (value) => zero - value * scale;
  const wide = Math.min(14, Math.max(1, (bounds.width - LEFT - RIGHT) / order.length * 0.6));
  const bar = (kind, at, rows, from) => (rows ? [s("rect", { class: `bar ${kind}`, x: (x[at] - wide / 2).toFixed(1), y: from.toFixed(1), width: wide.toFixed(1), height: Math.max(1, rows * scale).toFixed(1) })] : []);
  const marks = [...new Set([up, 0, -down])].filter((mark, at, all) => mark === 0 || Math.abs(y(mark) - zero) > 14 || all.length < 2);
  return [...grid(marks, short, { ...bounds, y }),
    ...order.flatMap((one, at) => [...bar("came", at, one.added.rows, y(one.added.rows)), ...bar("went", at, one.removed.rows, zero)])];
}

// Where versions have expired. Of their times nothing is known but those of the versions around them.
function gaps(table, axis, across, bottom) {
  return table.expired.map(([from, to]) => {
    const older = table.order.filter((one) => one.version < from).pop();
    const newer = table.order.find((one) => one.version > to);
    let ends = [from - 0.5, to + 0.5];
    if (axis === "time") ends = [older ? older.time_ms : null, newer.time_ms];
    const left = ends[0] === null ? LEFT - 8 : Math.max(LEFT - 8, across(ends[0]));
    return s("rect", { class: "gap", x: left, y: 18, width: Math.max(3, across(ends[1]) - left), height: bottom - 24 },
      s("title", {}, `${expiredTold(from, to)} expired`));
  });
}

function expiredTold(from, to) {
  return from === to ? `version ${from} has` : `versions ${number(from)} to ${number(to)} have`;
}

function flags(order, x) {
  return order.flatMap((one, at) => (one.tags.length
    ? [s("path", { class: "flag", d: `M${x[at].toFixed(1)},24v-9l8,4l-8,3` }, s("title", {}, one.tags.join(", ")))] : []));
}

function ends(order, axis, first, width, bottom) {
  const [oldest, newest] = [order[0], order[order.length - 1]];
  const labels = axis === "time" ? [minute(oldest), minute(newest)] : [`version ${number(first)}`, `version ${number(newest.version)}`];
  const both = [s("text", { x: width - RIGHT, y: bottom + 14, "text-anchor": "end" }, labels[1])];
  if (labels[0] !== labels[1]) both.unshift(s("text", { x: LEFT, y: bottom + 14 }, labels[0]));
  return both;
}
