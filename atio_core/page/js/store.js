// A store: its tables, one of which is shown, and its releases.

function storeSections(facts, shown, open) {
  const { store } = facts;
  const columns = [
    ["table", "", (one) => h("button", { class: "plain", "aria-current": String(one === shown), onclick: () => open(one) }, text(one.name))],
    ["version", "number", (one) => (one.error ? null : number(one.versions[0].version))],
    ["time (UTC)", "one-line", (one) => (one.error ? null : minute(one.versions[0]))],
    ["rows", "number", (one) => (one.error ? h("span", { class: "went" }, one.error) : one.versions[0].kind === "table" ? number(one.versions[0].rows) : one.versions[0].kind)],
    ["size", "number wide", (one) => (one.error ? null : size(one.versions[0].bytes))],
  ];
  const sections = [h("section", { "aria-label": "Tables" }, h("h2", {}, counted(facts.tables.length, "table")),
    growing("Tables", columns, facts.tables, 100, (one) => (one === shown ? { class: "chosen" } : {})))];
  if (store.releases.length) {
    sections.push(h("section", { "aria-label": "Releases" }, h("h2", {}, counted(store.releases.length, "release")), growing("Releases", [
      ["release", "", (one) => text(one.name)],
      ["time (UTC)", "one-line", (one) => one.time.slice(0, 16)],
      ["tables", "", (one) => text(Object.entries(one.tables).map(([name, version]) => `${name} ${version}`).join(", "))],
      ["message", "", (one) => (one.message === null ? null : text(one.message))],
    ], store.releases)));
  }
  return sections;
}
