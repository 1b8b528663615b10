// The page.

function tableSections(table) {
  if (table.error) return [h("section", {}, h("h2", {}, text(table.name)), h("p", { class: "warning" }, text(table.message)))];
  prepared(table);
  const listeners = [];
  const state = {
    chosen: table.versions[0],
    onChoice: (listener) => listeners.push(listener),
    choose(version) {
      state.chosen = version;
      listeners.forEach((listener) => listener(version));
    },
  };
  const details = h("section", { id: "version", "aria-label": "Version", "aria-live": "polite" });
  const show = (version) => details.replaceChildren(...versionDetails(table, version));
  show(state.chosen);
  state.onChoice(show);
  return [
    h("section", { "aria-label": "Versions over time" }, h("h2", {}, "Versions over time"), plot(table, state)),
    h("section", { "aria-label": "History" }, h("h2", {}, counted(table.versions.length, "version")),
      table.older ? h("p", { class: "quiet" }, `${counted(table.older, "older version")} aren't shown.`) : null, historyList(table, state)),
    h("div", { class: "columns" }, details, comparing(table)),
    table.tags.length ? h("section", { "aria-label": "Tags" }, h("h2", {}, counted(table.tags.length, "tag")), growing("Tags", [
      ["tag", "", (one) => text(one.tag)],
      ["version", "number", (one) => number(one.version)],
      ["until", "", (one) => one.until],
    ], table.tags)) : null,
  ].filter(Boolean);
}

function heading(facts, table) {
  const latest = table && !table.error ? table.versions[0] : null;
  return h("header", {}, h("h1", {}, text((facts.store || table).name)), h("p", { class: "quiet" }, text((facts.store || table).path)),
    latest ? h("p", {}, facts.store ? [h("strong", {}, text(table.name)), ": "] : null,
      `version ${number(latest.version)} of ${minute(latest)} UTC, ${latest.kind === "table" ? counted(latest.rows, "row") : latest.kind}, ${size(latest.bytes)}; versions kept: `,
      text(table.policy === "none" ? "nothing says which" : table.policy)) : null);
}

function draw(facts, table) {
  const sections = facts.store ? storeSections(facts, table, (other) => {
    draw(facts, other);
    document.querySelector('[aria-current="true"]').focus();
  }) : [];
  document.getElementById("page").replaceChildren(heading(facts, table), h("main", {}, sections, table ? tableSections(table) : []),
    h("footer", {}, `Made ${facts.made} UTC by atio. ${facts.sampled ? "Rows are in this page, as was asked for." : "No rows are in this page."}`));
}

const facts = JSON.parse(document.getElementById("facts").textContent);
draw(facts, facts.tables[0] || null);
