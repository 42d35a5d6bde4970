/** Search, jumps and toggles. */
class Toolbar {
  /**
   * @param {Object} on
   * @param {(query: string) => void} on.search
   * @param {(event: KeyboardEvent) => void} on.searchKey
   * @param {(what: "trained" | "message" | "problem", way: 1 | -1) => void} on.jump
   * @param {(name: "shift" | "ids" | "whitespace") => boolean} on.toggle  says whether it is on now
   */
  constructor(on) {
    this.on = on;
    this.element = element("div", "toolbar");
    this.element.setAttribute("role", "group");
    this.search = element("input");
    this.search.type = "search";
    this.search.spellcheck = false;
    this.search.dataset.testid = "search";
    this.search.addEventListener("input", () => on.search(this.search.value));
    this.search.addEventListener("keydown", on.searchKey);
    this.found = element("output", "found");
    this.found.dataset.testid = "found";
    this.box = element("div", "search");
    this.box.append(this.search, this.found);
  }

  /** The search box stays the same element, so that a sample that arrives while the reader types doesn't take the keyboard away. */
  show(sample, toggles) {
    const { texts } = sample.header;
    this.element.setAttribute("aria-label", texts.controls);
    this.search.placeholder = texts.search;
    this.search.setAttribute("aria-label", texts.search);
    this.jumps?.remove();
    this.toggles?.remove();
    this.jumps = this.buildJumps(sample);
    this.toggles = this.buildToggles(texts, toggles);
    if (!this.box.isConnected) this.element.append(this.box);
    this.element.append(this.jumps, this.toggles);
  }

  buildJumps({ header: { texts }, problems }) {
    const jumps = element("div", "jumps");
    const back = button("", "‹", texts.previous_trained, () => this.on.jump("trained", -1));
    back.setAttribute("aria-label", texts.previous_trained);
    jumps.append(
      back,
      button("", `${texts.jump_trained} ›`, texts.next_trained, () => this.on.jump("trained", 1)),
      button("", `${texts.jump_message} ›`, texts.next_message, () => this.on.jump("message", 1)),
    );
    if (problems.size) {
      jumps.append(button("problem-jump", `${fill(texts.problems, { n: problems.size })} ›`, texts.next_problem, () => this.on.jump("problem", 1)));
    }
    return jumps;
  }

  buildToggles(texts, states) {
    const toggles = element("div", "toggles");
    for (const [name, testid, text] of [["shift", "shift", texts.shifted], ["ids", "ids", texts.ids], ["whitespace", "space", texts.whitespace]]) {
      const toggle = button("toggle", text, "", () => toggle.setAttribute("aria-pressed", String(this.on.toggle(name))));
      toggle.dataset.testid = `toggle-${testid}`;
      toggle.setAttribute("aria-pressed", String(states[name]));
      toggles.append(toggle);
    }
    return toggles;
  }
}
