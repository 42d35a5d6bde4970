/** Every kind of token with its count. An entry is a filter: pressed, it dims everything else. */
class Legend {
  /** @param {(group: "state" | "role" | "part", value: string | number) => void} onFilter */
  constructor(onFilter) {
    this.element = element("div", "legend");
    this.onFilter = onFilter;
  }

  /** @param {{state?: string, role?: string, part?: number}} filter */
  show(sample, shifted, filter) {
    const { header } = sample;
    const { texts } = header;
    const counts = this.count(sample, shifted);
    const focused = this.element.getRootNode().activeElement?.dataset?.entry;
    const roles = [...new Set(header.roles)].map((role) => [role, header.role_texts[role] ?? role]);
    this.element.replaceChildren(
      this.group("state", texts.states, [["trained", texts.trained], ["masked", texts.masked]], counts, filter, texts),
      this.group("role", texts.by_role, [...roles, ["", roleText(sample, -1)]], counts, filter, texts),
      this.group("part", texts.by_part, header.part_texts.map((text, part) => [part, text]), counts, filter, texts),
      ...this.scale(sample),
    );
    // The entries are new elements; the keyboard's place must not be lost.
    if (focused) this.element.querySelector(`[data-entry="${CSS.escape(focused)}"]`)?.focus();
  }

  /** What the strength of a background means, where tokens have values. */
  scale(sample) {
    if (!sample.values) return [];
    const { value_label: label, value_top: top } = sample.header;
    const made = element("div", "group");
    made.append(element("span", "group-title", label));
    for (const share of [0, 0.125, 0.25, 0.5, 1]) {
      const step = element("span", "swatch valued", share === 1 ? `${top}+` : `${Number((share * top).toPrecision(2))}`);
      step.style.setProperty("--value", strength(share * top, top));
      made.append(step);
    }
    return [made];
  }

  /** Counts of all entries in one pass: key -> [tokens, trained]. */
  count(sample, shifted) {
    const counts = new Map();
    const add = (key, marked) => {
      let entry = counts.get(key);
      if (!entry) counts.set(key, (entry = [0, 0]));
      entry[0]++;
      entry[1] += marked;
    };
    for (const section of sample.sections) {
      const role = `role:${roleOf(sample, section.message)}`;
      for (let i = section.start; i < section.stop; i++) {
        const marked = isMarked(sample, i, shifted) ? 1 : 0;
        add(marked ? "state:trained" : "state:masked", marked);
        add(role, marked);
        add(`part:${sample.parts[i]}`, marked);
      }
    }
    return counts;
  }

  group(group, title, entries, counts, filter, texts) {
    const made = element("div", `group ${group}`);
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", title);
    made.append(element("span", "group-title", title));
    for (const [value, name] of entries) {
      const [all, marked] = counts.get(`${group}:${value}`) ?? [0, 0];
      if (!all && group !== "state" && filter[group] !== value) continue;
      const entry = button("entry", "", "", () => this.onFilter(group, value));
      entry.dataset.entry = `${group}:${value}`;
      entry.setAttribute("aria-pressed", String(filter[group] === value));
      const share = group === "state" ? thousands(all) : `${thousands(marked)}/${thousands(all)}`;
      entry.title = fill(group === "state" ? texts.only : texts.only_share, { name, n: thousands(group === "state" ? all : marked), m: thousands(all) });
      const swatch = element("span", `swatch ${group === "state" ? value : ""}`, group === "state" ? "ab" : undefined);
      swatch.setAttribute("aria-hidden", "true");
      if (group === "role") swatch.style.setProperty("--role", roleColour(value));
      if (group !== "part") entry.append(swatch);
      entry.append(element("span", "name", name), element("span", "count", share));
      made.append(entry);
    }
    return made;
  }
}
