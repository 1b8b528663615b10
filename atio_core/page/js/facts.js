// What follows from the facts: the files of each version, and what two versions differ in.

// A table's versions, the oldest first, each with its place.
function prepared(table) {
  table.order = [...table.versions].reverse();
  table.order.forEach((version, place) => { version.place = place; });
  table.found = new Map(table.differences.map((one) => [`${one.before} ${one.after}`, one]));
  return table;
}

// The files of a version, by their places; null if they aren't told.
function filesOf(table, version) {
  const at = table.order.length - 1 - version.place; // facts begin with the newest
  if (!version.files_change) return null;
  if (!version.files_set) {
    // From the nearest version whose files are known, on to this one.
    let from = at;
    while (from > 0 && !table.versions[from - 1].files_set) from -= 1;
    const files = new Set(from > 0 ? table.versions[from - 1].files_set : []);
    for (let place = from; place <= at; place += 1) {
      const { less, more } = table.versions[place].files_change;
      less.forEach((file) => files.delete(file));
      more.forEach((file) => files.add(file));
    }
    version.files_set = files;
  }
  return version.files_set;
}

function columnsOf(table, version) {
  return version.schema === null ? [] : table.schemas[version.schema];
}

function lines(before, after) {
  return [...after].filter((one) => !before.has(one));
}

function totals(table, files) {
  return files.reduce((sum, file) => {
    const [, rows, bytes] = table.files[file];
    return { files: sum.files + 1, rows: sum.rows + rows, bytes: sum.bytes + bytes };
  }, { files: 0, rows: 0, bytes: 0 });
}

// What the columns of two versions differ in; a column is known by its id, whatever it is called.
function columnChanges(before, after) {
  const old = new Map(before.map((one) => [one.id, one]));
  const now = new Map(after.map((one) => [one.id, one]));
  const told = [];
  for (const one of after) {
    const was = old.get(one.id);
    if (!was) { told.push(["added", one.name, one.type]); continue; }
    if (was.name !== one.name) told.push(["renamed", was.name, `→ ${one.name}`]);
    if (was.type !== one.type) told.push(["retyped", one.name, `${was.type} → ${one.type}`]);
    if (was.not_null !== one.not_null) told.push(["nulls", one.name, one.not_null ? "takes none now" : "takes them now"]);
    if (was.key !== one.key) told.push(["key", one.name, one.key ? "belongs to the key now" : "no longer belongs to the key"]);
  }
  for (const one of before) if (!now.has(one.id)) told.push(["dropped", one.name, one.type]);
  const stayed = [before.filter((one) => now.has(one.id)), after.filter((one) => old.has(one.id))].map((some) => some.map((one) => one.id));
  if (stayed[0].some((id, place) => id !== stayed[1][place])) told.push(["moved", "", "columns stand in another order"]);
  return told;
}

// What two versions differ in, as far as their files, and rows that were compared, tell.
function difference(table, before, after) {
  const files = [filesOf(table, before), filesOf(table, after)];
  const columns = [columnsOf(table, before), columnsOf(table, after)];
  const found = table.found.get(`${before.version} ${after.version}`) || null;
  const told = { columns: columnChanges(...columns), found, rows: found && found.rows ? found.rows : null, files: null };
  if (files[0] && files[1]) {
    const came = lines(files[0], files[1]);
    const went = lines(files[1], files[0]);
    const stayed = [...files[1]].filter((one) => files[0].has(one));
    told.files = { came, went, added: totals(table, came), removed: totals(table, went), shared: totals(table, stayed) };
    // A column that only the later version shows may lie in files that both have: then files don't tell.
    const shown = !stayed.length || !told.columns.some(([kind]) => kind === "added");
    const rows = isRows(before) && isRows(after);
    if (!told.rows && rows && shown && !(came.length && went.length)) {
      told.rows = { added: told.files.added.rows, removed: told.files.removed.rows, changed: 0 };
    }
  }
  return told;
}

function isRows(version) {
  return version.kind === "table" || version.kind === "dropped";
}
