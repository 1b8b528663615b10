// What two versions differ in, any two.

function comparing(table) {
  if (table.order.length < 2) return null;
  const newest = table.versions[0];
  const chosen = { before: table.versions[1], after: newest };
  const result = h("div", { "aria-live": "polite" });
  const draw = () => result.replaceChildren(...differenceTold(table, chosen.before, chosen.after));
  const select = (name, label) => {
    const options = table.versions.map((one) => h("option", { value: one.version, selected: one === chosen[name] },
      `${one.version} · ${minute(one)} · ${one.operation}${one.tags.length ? ` [${one.tags.join(", ")}]` : ""}`));
    return h("label", {}, label, h("select", { id: `compare-${name}`, onchange: (event) => {
      chosen[name] = table.versions[event.target.selectedIndex];
      draw();
    } }, options));
  };
  draw();
  return h("section", { "aria-label": "Compare" }, h("h2", {}, "Compare two versions"),
    h("div", { class: "choices" }, select("before", "from"), select("after", "to")), result);
}

function differenceTold(table, before, after) {
  if (before === after) return [h("p", {}, "That is the same version.")];
  if (before.version > after.version) {
    return [h("p", { class: "quiet" }, `Version ${number(after.version)} came before version ${number(before.version)}: this is what going back changes.`),
      ...reversed(table, after, before)];
  }
  return pairTold(table, before, after, difference(table, before, after));
}

function reversed(table, older, newer) {
  const found = difference(table, older, newer);
  const rows = found.rows && { added: found.rows.removed, removed: found.rows.added, changed: found.rows.changed };
  const files = found.files && { came: found.files.went, went: found.files.came, added: found.files.removed, removed: found.files.added, shared: found.files.shared };
  return pairTold(table, newer, older, { rows, files, found: null, columns: columnChanges(columnsOf(table, newer), columnsOf(table, older)) });
}

function pairTold(table, before, after, { rows, files, found, columns }) {
  const parts = [definitions([
    ["rows", rowsTold(table, before, after, rows, files)],
    ["total", h("span", {}, `${number(before.rows)} → ${number(after.rows)} rows, ${size(before.bytes)} → ${size(after.bytes)}`)],
    ["holds", before.kind === after.kind ? null : `${before.kind} → ${after.kind}`],
    ["key", found && found.key && found.key.length ? text(found.key.join(", ")) : null],
  ])];
  if (found && found.objects) parts.push(objectsTold(found.objects));
  if (found && found.columns_changed && found.columns_changed.length) {
    parts.push(h("h3", {}, "Rows changed, by column"), growing("Rows changed, by column",
      [["column", "", ([name]) => text(name)], ["rows", "number", ([, count]) => number(count)]], found.columns_changed));
  }
  if (columns.length) parts.push(h("h3", {}, "Columns"), changesTable(columns));
  if (files) parts.push(...filesTold(table, files));
  for (const [kind, sample] of Object.entries((found && found.samples) || {})) {
    parts.push(h("h3", {}, `First ${counted(sample.rows.length, "row")} that ${kind === "changed" ? "changed, as they are now" : `were ${kind}`}`), sampled(`Rows ${kind}`, sample));
  }
  return [...parts, ...between(table, before, after)];
}

function rowsTold(table, before, after, rows, files) {
  if (!isRows(before) || !isRows(after)) return null;
  if (rows) {
    const told = [...change(rows.added, rows.removed)];
    if (rows.changed) told.push(" ", `${number(rows.changed)} changed`);
    return told.length ? told : "the same";
  }
  const most = files ? ["at most ", ...change(files.added.rows, files.removed.rows), "; "] : [];
  return [...most, h("span", { class: "quiet" }, `exactly: atio diff ${before.version} ${after.version}`)];
}

function filesTold(table, files) {
  const sums = [["added", files.added], ["removed", files.removed], ["shared", files.shared]];
  const parts = [h("h3", {}, "Files"), h("div", {}, growing("Files", [
    ["", "", ([what]) => what],
    ["files", "number", ([, sum]) => number(sum.files)],
    ["rows", "number", ([, sum]) => number(sum.rows)],
    ["size", "number", ([, sum]) => size(sum.bytes)],
  ], sums))];
  for (const [what, some] of [["added", files.came], ["removed", files.went]]) {
    if (some.length) parts.push(h("details", {}, h("summary", {}, `${counted(some.length, "file")} ${what}`), filesTable(table, new Set(some))));
  }
  return parts;
}

function objectsTold(objects) {
  if (objects.equal) return h("p", {}, "The content is the same.");
  const lists = ["added", "removed", "changed"].filter((kind) => objects[kind][0]);
  if (!lists.length) return h("p", {}, "The content is another.");
  return h("div", {}, lists.map((kind) => [h("h3", {}, `${counted(objects[kind][0], "file")} ${kind}`),
    h("p", {}, text(objects[kind][1].join(", ") + (objects[kind][0] > objects[kind][1].length ? ", …" : "")))]));
}

function between(table, before, after) {
  const [low, high] = [Math.min(before.place, after.place), Math.max(before.place, after.place)];
  const steps = table.order.slice(low + 1, high + 1);
  if (steps.length < 2) return [];
  return [h("h3", {}, `${counted(steps.length, "change")} on the way`), growing("Changes on the way", [
    ["version", "number", (one) => number(one.version)],
    ["operation", "", (one) => one.operation],
    ["change", "number", (one) => change(one.added.rows, one.removed.rows)],
    ["message", "", (one) => (one.message === null ? null : text(one.message))],
  ], steps, 20)];
}
