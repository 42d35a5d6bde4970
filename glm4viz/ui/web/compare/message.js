// One message on the page: its rail, its text and the slots around it.

/** Characters that are drawn of one message at first, and with every "more". */
const AT_ONCE = 6000;

class MessagePainter {
  /**
   * @param {Object} header
   * @param {(item: Item) => boolean} passes          whether an item is shown
   * @param {WeakMap<HTMLElement, Item>} itemOf       is told what each element shows
   */
  constructor(header, passes, itemOf) {
    this.header = header;
    this.passes = passes;
    this.itemOf = itemOf;
  }

  /** @returns {HTMLElement[]} rail and body */
  paint(message, items) {
    return [this.rail(message, items), this.body(items)];
  }

  body(items) {
    const body = element("div", "body");
    let line = null;
    let skipped = 0;
    let budget = AT_ONCE;
    const into = (kind) => {
      if (line?.dataset.kind !== kind) {
        line = element("div", kind === "text" ? "text" : "slots");
        line.dataset.kind = kind;
        body.append(line);
      }
      return line;
    };
    const skip = () => {
      if (skipped) into("text").append(element("span", "skipped", `⋯ ${fill(this.header.texts.alike, { n: thousands(skipped) })} ⋯`));
      skipped = 0;
    };
    for (const item of items) {
      if (!this.passes(item)) {
        if (item.slot < 0) skipped += item.size;
        continue;
      }
      skip();
      if (item.slot < 0) budget = this.stretch(into("text"), item, 0, budget);
      else into(HEAD_SLOTS.includes(SLOTS[item.slot]) ? "head" : "tail").append(this.slot(item));
    }
    skip();
    return body;
  }

  /** As much of a stretch as the budget allows; the rest behind a button. Returns the budget left. */
  stretch(line, item, from, budget) {
    const room = Math.max(budget, 200);
    const to = item.text.length - from <= room * 1.2 ? item.text.length : from + room;
    const node = this.itemNode("stretch", item, item.text.slice(from, to));
    drawStave(node, item.states);
    line.append(node);
    if (to < item.text.length) {
      const more = button("more", fill(this.header.texts.more, { n: thousands(item.text.length - to) }), "", () => {
        const rest = element("span");
        more.replaceWith(rest);
        this.stretch(rest, item, to, AT_ONCE * 3);
      });
      line.append(more);
    }
    return budget - (to - from);
  }

  itemNode(className, item, text) {
    const node = element("span", `item ${className}${item.alike ? "" : " unlike"}`, text);
    node.tabIndex = -1;
    node.setAttribute("role", "button");
    this.itemOf.set(node, item);
    return node;
  }

  /** A slot: one chip for all recipes that write and teach the same there, else several. */
  slot(item) {
    const made = element("span", "slot", element("span", "slot-name", this.header.slot_names[item.slot]));
    const groups = new Map();
    item.cells.forEach((cell, r) => {
      if (!cell[1]) return;
      const key = JSON.stringify([cell[1], cell[0] === DIFFERS ? cell[2] : ""]);
      groups.set(key, [...(groups.get(key) ?? []), r]);
    });
    for (const [key, members] of groups) {
      const [text, label] = JSON.parse(key);
      const chip = this.itemNode("chip", item);
      if (groups.size > 1) chip.append(...members.map(badge));
      const shown = legible(text);
      chip.append(element("span", "name", shown.length > 48 ? `${shown.slice(0, 46)}…` : shown));
      if (label) chip.append(element("span", "arrow", "⇒"), element("span", "name taught", legible(label)));
      drawStave(chip, item.states.map((state, r) => (members.includes(r) ? state : ABSENT)));
      made.append(chip);
    }
    return made;
  }

  /** Who speaks, and how much of the text each recipe trains. */
  rail(message, items) {
    const { header } = this;
    const rail = element("div", "rail", element("span", "role", header.role_texts[message < 0 ? "" : header.roles[message]]));
    if (message < 0) return rail;
    rail.append(element("span", "number", `messages[${message}]`));
    const size = textSize(items);
    if (!size) return rail;
    const shares = header.ids.map((id, r) => {
      const n = textSize(items.filter((item) => item.states[r] >= TRAINED));
      const percent = n && n < size ? Math.min(99, Math.max(1, Math.round((100 * n) / size))) : (100 * n) / size;
      const entry = element("li", "", badge(r), element("span", "percent", `${percent} %`));
      entry.title = id;
      return entry;
    });
    rail.append(element("ol", "recipes", ...shares));
    return rail;
  }
}
