// All of one version: what made it, what it holds, its columns, its files, its first rows.

function versionDetails(table, version) {
  const columns = columnsOf(table, version);
  const before = table.order[version.place - 1];
  const files = filesOf(table, version);
  const names = new Map(columns.map((one) => [one.id, one.name]));
  const parts = [h("h2", {}, `Version ${number(version.version)}`), definitions([
    ["time", `${version.time} UTC`],
    ["operation", version.operation],
    ["message", version.message === null ? null : text(version.message)],
    ["who", version.who === null ? null : text(version.who)],
    ["tags", tags(version.tags)],
    ["holds", `${version.kind === "table" ? counted(version.rows, "row") : version.kind} in ${counted(version.files, "file")}, ${size(version.bytes)}`],
    ["rows", change(version.added.rows, version.removed.rows)],
    ["bytes", change(version.added.bytes, version.removed.bytes, size)],
    ["next expiry", expiryTold(version)],
    ["key", columns.filter((one) => one.key).map((one) => one.name).join(", ")],
    ["partitioned by", version.partitioned_by.join(", ")],
    ["sorted by", version.sorted_by.map((id) => names.get(id) || `column ${id}`).join(", ")],
    ...Object.entries(version.properties).map(([name, value]) => [text(name), text(value)]),
  ])];
  const changes = before ? columnChanges(columnsOf(table, before), columns) : [];
  if (changes.length) parts.push(h("h3", {}, `Columns changed since version ${number(before.version)}`), changesTable(changes));
  if (columns.length) parts.push(h("h3", {}, counted(columns.length, "column")), growing("Columns", [
    ["column", "", (one) => text(one.name)],
    ["type", "", (one) => one.type],
    ["", "", (one) => [one.key && "key", one.not_null && "not null", one.index && "index"].filter(Boolean).join(", ")],
  ], columns));
  parts.push(h("h3", {}, counted(version.files, "file")), filesTable(table, files));
  const sample = table.samples[version.version];
  if (sample) parts.push(h("h3", {}, `First ${counted(sample.rows.length, "row")}`), sampled("Rows", sample));
  return parts;
}

function expiryTold(version) {
  if (!version.kept) return null;
  return version.kept.length ? h("span", {}, "stays: ", text(version.kept.join(", "))) : h("span", { class: "went" }, "goes");
}

function changesTable(changes) {
  return growing("Changed columns", [["what", "", ([kind]) => kind], ["column", "", ([, name]) => text(name)], ["", "", ([, , more]) => text(more)]], changes);
}

function filesTable(table, files) {
  if (!files) return h("p", { class: "quiet" }, "There are too many files to list them here: atio show --files does.");
  if (!files.size) return h("p", { class: "quiet" }, "None.");
  return growing("Files", [
    ["file", "", (one) => text(table.files[one][0])],
    ["rows", "number", (one) => number(table.files[one][1])],
    ["size", "number", (one) => size(table.files[one][2])],
  ], [...files], 20);
}
