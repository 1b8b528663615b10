// The list of versions, the newest first, with what has expired in between.

function historyList(table, state) {
  const rows = [];
  table.versions.forEach((version, at) => {
    rows.push(version);
    const next = table.versions[at + 1];
    for (const [from, to] of table.expired) {
      if (to < version.version && (!next || from > next.version)) rows.push({ gap: [from, to] });
    }
  });
  const cell = (show) => (row) => (row.gap ? null : show(row));
  const keeps = table.versions.some((one) => one.kept);
  const columns = [
    ["version", "number", (row) => (row.gap ? null : h("button", { class: "plain", onclick: () => state.choose(row) }, number(row.version)))],
    ["time (UTC)", "one-line", (row) => (row.gap ? `${expiredTold(...row.gap)} expired` : [minute(row).slice(0, 10), h("span", { class: "wide" }, minute(row).slice(10))])],
    ["operation", "one-line", cell((row) => row.operation)],
    ["rows", "number", cell((row) => (row.kind === "table" ? number(row.rows) : row.kind))],
    ["change", "number", cell((row) => change(row.added.rows, row.removed.rows))],
    ["size", "number wide", cell((row) => size(row.bytes))],
    ["tags, message", "roomy", cell((row) => [tags(row.tags), row.message === null ? null : text(row.message)])],
    ["who", "wide", cell((row) => (row.who === null ? null : text(row.who)))],
  ];
  if (keeps) columns.push(["next expiry", "wide", cell((row) => (row.kept && !row.kept.length ? h("span", { class: "went" }, "goes") : "stays"))]);
  const list = growing("Versions", columns, rows, 100, (row) => (row.gap ? { class: "gap" } : { "data-version": row.version }));
  const mark = (version) => {
    list.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
    const row = list.querySelector(`tr[data-version="${version.version}"]`);
    if (row) row.classList.add("chosen");
  };
  state.onChoice(mark);
  mark(state.chosen);
  return list;
}
