// A table of pairs.

function tableBoard(data) {
  const table = element("table", `pairs ${data.key === "ways" ? "ways" : ""}`, element("caption", "hidden", data.name));
  const head = element("tr", "", ...data.head.map((name) => element("th", "", name)));
  for (const cell of head.children) cell.scope = "col";
  table.append(element("thead", "", head));
  const body = element("tbody");
  for (const row of data.rows) {
    if (row.more !== undefined) {
      const cell = element("td", "", row.more);
      cell.colSpan = data.head.length;
      body.append(element("tr", "skipped", cell));
      continue;
    }
    const cells = row.cells.map((cell) => {
      if (cell.bar === undefined) return element("td", "", cell.kind ? element("span", `chip ${cell.kind}`, cell.text) : cell.text);
      const bar = element("span", "bar");
      bar.style.width = `${Math.min(100, cell.bar * 100)}%`;
      return element("td", "value", element("span", "number", cell.text), element("span", "track", bar));
    });
    body.append(element("tr", row.look, ...cells));
  }
  table.append(body);
  const scroller = element("div", "scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", data.name);
  return [[scroller], null];
}
