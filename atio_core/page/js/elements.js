// Elements, and texts for people. Whatever comes from a table becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "onchange") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : printable(String(child)))));
  return element;
}

function h(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

function s(name, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

// What would move or turn the text around it is spelled.
function printable(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu, (one) => "\\u{" + one.codePointAt(0).toString(16) + "}");
}

// A text of somebody's, whose direction doesn't turn what stands beside it.
function text(value) {
  return h("bdi", {}, value);
}

function number(value) {
  return value.toLocaleString("en");
}

function counted(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(Math.floor((String(bytes).length - 1) / 3), units.length - 1);
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

function minute(version) {
  return version.time.slice(0, 16);
}

function change(added, removed, told = number) {
  const parts = [];
  if (added) parts.push(h("span", { class: "came" }, `+${told(added)}`));
  if (removed) parts.push(h("span", { class: "went" }, `−${told(removed)}`));
  return parts.flatMap((part, at) => (at ? [" ", part] : [part]));
}

function definitions(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length));
  return h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// A table that scrolls by itself, also by the keyboard. Each column: title, class, cell of a row.
function table(caption, columns, rows, ofRow = () => ({})) {
  const head = h("tr", {}, columns.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)));
  const body = rows.map((row) => h("tr", ofRow(row), columns.map(([, kind, cell]) => h("td", { class: kind }, cell(row)))));
  return h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
}

// The first rows, and a button that shows more of them.
function growing(caption, columns, rows, step = 100, ofRow = undefined) {
  const place = h("div");
  const draw = (count) => {
    const more = rows.length > count
      ? h("p", {}, h("button", { onclick: () => { draw(count + step * 5); place.querySelector(".scrolls").focus(); } },
        `Show more: ${number(rows.length - count)} left`)) : null;
    place.replaceChildren(table(caption, columns, rows.slice(0, count), ofRow), ...(more ? [more] : []));
  };
  draw(step);
  return place;
}

function sampled(caption, sample) {
  const columns = sample.columns.map((name, at) => [text(name), "", (row) => (row[at] === null ? h("span", { class: "null" }, "null") : text(row[at]))]);
  return table(caption, columns, sample.rows);
}

function tags(names) {
  return names.map((name) => h("span", { class: "tag" }, text(name)));
}
