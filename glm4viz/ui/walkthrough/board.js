// The walkthrough's boards: two lists as columns of chips, a table of pairs, and the source beside them. All text is set as text, never as markup.

/** Answers that the reader gave, by question, so that going back shows them again. @type {Map<string, {picked: Set<number>, checked: boolean}>} */
const answers = new Map();
/** The last step that each board was drawn for: only a new one is animated. @type {WeakMap<object, string>} */
const drawn = new WeakMap();

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function hidden(text) {
  return element("span", "hidden", text);
}

/** Streamlit tells the theme's colours but not whether it is dark. */
function isDark(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour.trim() || "#fff";
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}

const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => String(values[name] ?? ""));

// Lists --------------------------------------------------------------------------------------------------------------

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
    const box = element("section", `group role-${group.role} ${group.state ?? ""}`, head, list);
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
    const again = element("button", "again", `↻ ${texts.again}`);
    again.type = "button";
    again.onclick = play;
    parts.push(again);
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

// Predict first ------------------------------------------------------------------------------------------------------

function question(data, columns, key) {
  const { texts } = data;
  if (!answers.has(key)) answers.set(key, { picked: new Set(), checked: false });
  const state = answers.get(key);
  const asked = [...columns.values()].filter((column) => column.item.truth !== undefined);
  const feedback = element("div", "feedback");
  feedback.setAttribute("role", "status");
  const check = element("button", "primary", texts.check);
  const show = element("button", "", texts.show);
  for (const one of [check, show]) one.type = "button";
  show.onclick = () => {
    for (const { item } of asked) {
      if (item.truth) state.picked.add(item.i);
      else state.picked.delete(item.i);
    }
    state.shown = true;
    state.checked = true;
    refresh();
  };
  check.onclick = () => {
    if (state.checked) state.picked.clear();
    state.shown = false;
    state.checked = !state.checked;
    refresh();
  };
  for (const column of asked) {
    const { item } = column;
    const toggle = element("button", `chip ${item.kind}`, item.text);
    toggle.type = "button";
    toggle.onclick = () => {
      if (state.checked) return;
      if (!state.picked.delete(item.i)) state.picked.add(item.i);
      refresh();
    };
    column.chip.replaceWith(toggle);
    column.chip = toggle;
    column.mark = element("span", "mark");
    column.element.append(column.mark);
  }

  function refresh() {
    let right = 0;
    const wrong = [];
    for (const column of asked) {
      const { item } = column;
      const picked = state.picked.has(item.i);
      const good = picked === item.truth;
      right += good;
      if (!good) wrong.push(column);
      column.chip.setAttribute("aria-pressed", String(picked));
      column.chip.setAttribute("aria-disabled", String(state.checked));
      const look = state.checked ? (item.truth ? "trained" : "masked") : "";
      column.element.className = `column asked ${look} ${picked ? "picked" : ""} ${state.checked && !good ? "wrong" : ""}`;
      const sign = state.shown ? (item.truth ? texts.yes : texts.no) : good ? "✓" : `✗ ${item.truth ? texts.yes : texts.no}`;
      column.mark.textContent = state.checked ? sign : picked ? texts.picked : "\u00a0";
    }
    check.textContent = state.checked ? texts.retry : texts.check;
    show.hidden = state.checked;
    feedback.replaceChildren();
    feedback.classList.toggle("is-open", state.checked);
    if (!state.checked) return;
    if (!state.shown) {
      const all = right === asked.length;
      feedback.append(element("p", all ? "score good" : "score", fill(all ? texts.all_right : texts.some_right, { right, all: asked.length })));
    }
    // Reasons that matter first: those of the tokens that were marked wrongly, then the others; each once, with its tokens.
    const reasons = new Map();
    for (const column of [...wrong, ...asked]) {
      const { reason } = column.item;
      if (!reasons.has(reason)) reasons.set(reason, []);
      const listed = reasons.get(reason);
      if (!listed.includes(column)) listed.push(column);
    }
    const list = element("ul", "reasons");
    for (const [reason, listed] of reasons) {
      const shown = listed.sort((a, b) => a.item.i - b.item.i).slice(0, 8);
      const chips = shown.map(({ item }) => element("span", `chip ${item.kind}`, item.text));
      list.append(element("li", listed[0].item.truth ? "trained" : "masked", element("span", "tokens", ...chips, listed.length > 8 ? "…" : ""), ` ${reason}`));
    }
    feedback.append(list, element("p", "moral", data.question.moral));
  }

  refresh();
  return element("div", "question", element("div", "buttons", check, show), feedback);
}

// Tables -------------------------------------------------------------------------------------------------------------

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

// Source -------------------------------------------------------------------------------------------------------------

const WORDS = "def|for|in|if|elif|else|return|lambda|not|and|or|is|None|True|False|raise|with|try|except|from|import|continue|match|case";
const PYTHON = new RegExp(`("""[^]*?(?:"""|$)|f?"(?:\\\\.|[^"\\\\])*"|f?'(?:\\\\.|[^'\\\\])*')|(#.*)|\\b(${WORDS})\\b`, "g");

function codeLine(text) {
  const made = element("code");
  const indent = text.length - text.trimStart().length;
  made.style.paddingLeft = `${indent + 4}ch`; // a wrapped line goes on further in than it began
  made.style.textIndent = `-${indent + 4}ch`;
  let from = 0;
  for (const found of text.matchAll(PYTHON)) {
    made.append(text.slice(from, found.index), element("span", found[1] ? "string" : found[2] ? "comment" : "keyword", found[0]));
    from = found.index + found[0].length;
  }
  made.append(text.slice(from));
  return made;
}

function sourceBoard(data) {
  const parts = data.listings.map((listing) => {
    const lines = element("ol", "code");
    listing.lines.forEach((text, k) => {
      if (k && listing.numbers[k] !== listing.numbers[k - 1] + 1) lines.append(element("li", "gap", "⋯"));
      const lit = listing.lit.includes(k);
      const line = element("li", lit ? "lit" : "", element("span", "number", String(listing.numbers[k])), element("span", "arrow", lit ? "▶" : ""), codeLine(text));
      if (lit) line.append(hidden(` (${data.lit})`));
      lines.append(line);
    });
    lines.tabIndex = 0;
    lines.setAttribute("aria-label", listing.title);
    return element("section", "listing", element("div", "file", listing.title), lines);
  });
  return [parts, null];
}

/** Draws nothing: when the step has changed, it brings the step's beginning back into view. */
function scrollBoard(data) {
  const play = () => {
    const start = document.querySelector(`.st-key-${data.start}`);
    if (start && start.getBoundingClientRect().top < 0) start.scrollIntoView({ behavior: still() ? "auto" : "smooth", block: "start" });
  };
  return [[], data.first ? null : play];
}

// ---------------------------------------------------------------------------------------------------------------------

export default function board({ data, parentElement }) {
  let root = parentElement.querySelector(".board");
  if (!root) parentElement.append((root = element("div", "board")));
  root.classList.toggle("dark", isDark(getComputedStyle(root).getPropertyValue("--st-background-color")));
  const text = JSON.stringify(data);
  if (drawn.get(root) === text) return;
  const first = !drawn.has(root);
  drawn.set(root, text);
  const make = { lists: listBoard, table: tableBoard, source: sourceBoard, scroll: scrollBoard }[data.scene];
  const [parts, play] = make({ ...data, first }, data.key);
  root.dataset.testid = `walk-${data.scene}`;
  root.dataset.step = data.key;
  root.replaceChildren(...parts);
  const rows = root.querySelector(".flat");
  if (rows && data.end) rows.scrollLeft = rows.scrollWidth; // to where the padding is
  const lit = root.querySelector(".lit");
  const list = lit?.closest(".code");
  if (list) list.scrollTop = Math.max(0, lit.offsetTop - list.offsetTop - 40);
  if (play) requestAnimationFrame(play);
}
