// Two lists as columns of chips.

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A token: its text, and below it what the lists hold for it. */
class Column {
  constructor(item, rows) {
    this.item = item;
    this.element = element("li", `column ${item.look} ${item.state ?? ""}`);
    this.element.dataset.i = item.i;
    this.chip = element("span", `chip ${item.kind}`, item.text);
    this.element.append(this.chip);
    this.cells = item.cells.map((cell, k) => {
      const made = element("span", `cell ${cell.look ?? ""}`, rows[k] ? hidden(`${rows[k]}: `) : null, element("span", "", cell.text));
      this.element.append(made);
      return made;
    });
    if (item.flag) this.element.append(element("span", "flag", item.flag));
    else if (item.state === "new") this.element.append(hidden(item.note ?? ""));
  }
}

function listBoard(data, key) {
  const { texts, rows } = data;
  const columns = new Map();
  const body = element("div", `groups ${data.flat ? "flat" : ""}`);
  for (const group of data.groups) {
    const list = element("ol", "list");
    list.setAttribute("aria-label", group.name);
    const heads = element("li", "column heads", ...["", ...rows].map((name, k) => element("span", k ? "cell" : "chip", name)));
    heads.setAttribute("aria-hidden", "true");
    if (rows.length) list.append(heads);
    for (const item of group.items) {
      if (item.more !== undefined) {
        list.append(element("li", "more", item.more));
        continue;
      }
      const column = new Column(item, rows);
      columns.set(item.i, column);
      list.append(column.element);
    }
    const head = element("div", "group-name", element("strong", "", group.name), group.note ? element("span", "", group.note) : null);
    const box = element("section", `group ${group.state}`, head, list);
    box.style.setProperty("--role", roleColour(group.role));
    body.append(box);
  }
  if (data.flat) {
    body.tabIndex = 0; // rows wider than the page are scrolled together, with the keyboard too
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", data.flat);
  }
  const parts = [legend(data), body];
  let play = null;
  if (data.animate === "shift") {
    play = () => playShift(columns, data.order);
    parts.push(button("again", `↻ ${texts.again}`, "", play));
  } else if (data.animate === "grow") {
    play = () => playGrow([...columns.values()].filter((column) => column.item.state === "new"));
  }
  if (data.question) parts.push(question(data, columns, key));
  return [parts, play];
}

/** What a mark means, in words. */
function legend(data) {
  const made = element("div", "legend");
  for (const [look, text] of data.legend) made.append(element("span", "entry", element("span", `column ${look}`, element("span", "chip", "abc")), text));
  return made;
}

/** New tokens appear one after the other where they land. */
function playGrow(columns) {
  if (still()) return;
  columns.slice(0, 60).forEach((column, k) => {
    column.element.animate([{ opacity: 0, transform: "translateY(-14px)" }, { opacity: 1, transform: "none" }], {
      duration: 260,
      delay: k * 45,
      easing: "ease-out",
      fill: "backwards",
    });
  });
}

/** Every value of the list after the shift starts where it stood before, one place to the left, and moves to its own. */
function playShift(columns, order) {
  if (still()) return;
  order.forEach((i, k) => {
    const column = columns.get(i);
    const after = column?.cells[1];
    if (!after) return;
    const before = k ? columns.get(order[k - 1])?.cells[0] : null;
    const to = after.getBoundingClientRect();
    const from = before ? before.getBoundingClientRect() : { left: to.left - 40, top: to.top };
    const frames = [
      { transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)`, opacity: before ? 1 : 0 },
      { transform: "none", opacity: 1 },
    ];
    after.animate(frames, { duration: 1400, delay: 350 + Math.min(k, 40) * 25, easing: "ease-in-out", fill: "backwards" });
  });
}
