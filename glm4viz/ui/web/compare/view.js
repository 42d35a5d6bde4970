// The view: several recipes on one conversation, the text once, and below it a line for each recipe; what is pointed at, pinned and filtered.

class CompareView {
  constructor({ parentElement }) {
    this.filter = "everything";
    this.pin = null;
    this.hover = null;
    this.cursor = null;
    this.root = rootIn(parentElement, "compare-view");
    this.root.dataset.testid = "compare-view";
    this.legend = element("div", "legend");
    this.toolbar = element("div", "toolbar");
    this.flow = element("div", "flow");
    this.flow.tabIndex = 0;
    this.flow.setAttribute("role", "group");
    // The button vanishes with what the panel shows; the keyboard goes on in the text.
    this.details = new Details(() => (this.setPin(null), this.flow.focus({ preventScroll: true })));
    this.root.append(this.legend, this.toolbar, element("div", "stage", this.flow, this.details.element));
    this.items = new WeakMap();
    this.observer = watching(this.flow, (entries) => entries.forEach((entry) => entry.isIntersecting && this.draw(entry.target)));
    this.listen();
  }

  listen() {
    const at = (event) => event.target.closest?.(".item");
    this.flow.addEventListener("pointerover", (event) => event.pointerType !== "touch" && this.setHover(at(event)));
    this.flow.addEventListener("pointerleave", () => this.setHover(null));
    this.flow.addEventListener("click", (event) => {
      const node = at(event);
      if (!node || String(getSelection())) return;
      this.setCursor(node, false);
      this.setPin(node === this.pin ? null : node);
    });
    this.flow.addEventListener("focusin", (event) => at(event) && this.setCursor(at(event), false));
    this.flow.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || event.target.closest("button")) return;
    const actions = {
      ArrowRight: () => this.move(1),
      ArrowDown: () => this.move(1),
      ArrowLeft: () => this.move(-1),
      ArrowUp: () => this.move(-1),
      n: () => this.move(1, true),
      N: () => this.move(-1, true),
      Enter: () => this.setPin(this.cursor === this.pin ? null : this.cursor),
      " ": () => this.setPin(this.cursor === this.pin ? null : this.cursor),
      Escape: () => this.setPin(null),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    this.setHover(null);
    action();
  }

  /** To the next item, or to the next at which the recipes differ; messages on the way are drawn. */
  move(way, differing = false) {
    let node = this.cursor?.isConnected ? this.cursor : null;
    for (;;) {
      node = this.next(node, way);
      if (!node) return;
      if (!differing || !this.items.get(node).alike) break;
    }
    this.setCursor(node, true);
  }

  next(node, way) {
    const sections = [...this.flow.children];
    let k = node ? sections.indexOf(node.closest(".message")) : way > 0 ? 0 : sections.length - 1;
    for (let first = true; k >= 0 && k < sections.length; k += way, first = false) {
      this.draw(sections[k]);
      const nodes = [...sections[k].querySelectorAll(".item")];
      const i = first && node ? nodes.indexOf(node) + way : way > 0 ? 0 : nodes.length - 1;
      if (nodes[i]) return nodes[i];
    }
    return null;
  }

  // Pointing ---------------------------------------------------------------------------------------------------------------------------------------------

  setHover(node) {
    if (node === this.hover) return;
    this.hover?.classList.remove("hover");
    this.hover = node;
    node?.classList.add("hover");
    this.refresh();
  }

  setCursor(node, focus) {
    this.cursor = node;
    if (!node.hasAttribute("aria-label")) node.setAttribute("aria-label", spokenItem(this.header, this.items.get(node)));
    if (focus) {
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "nearest" });
    }
    this.refresh();
  }

  setPin(node) {
    this.pin?.classList.remove("pinned");
    this.pin = node;
    node?.classList.add("pinned");
    this.refresh();
  }

  refresh() {
    const node = [this.hover, this.pin, this.cursor].find((n) => n?.isConnected);
    if (node) this.details.show(this.header, this.items.get(node), node === this.pin);
    else this.begin();
  }

  /** Nothing is pointed at yet: the first difference stands for all that can be seen. */
  begin() {
    this.details.hint(this.header, [...this.byMessage.values()].flat().find((item) => !item.alike && this.passes(item)));
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------------------------------------

  update({ data: blob }) {
    setTheme(this.root);
    if (!blob || sameBytes(blob, this.blob)) return;
    this.blob = blob;
    const data = unpack(blob);
    const { header } = data;
    this.header = header;
    this.byMessage = itemsByMessage(data);
    this.root.lang = header.language;
    this.root.dataset.recipes = header.ids.join(",");
    this.root.style.setProperty("--lines", header.ids.length);
    this.flow.setAttribute("aria-label", `${header.texts.title}. ${header.texts.keys}`);
    this.pin = this.hover = this.cursor = null;
    const counts = countKinds([...this.byMessage.values()].flat());
    if (!counts.kinds.has(this.filter) && !["everything", "differing"].includes(this.filter)) this.filter = "everything";
    this.legend.replaceChildren(...legendParts(header));
    this.toolbar.replaceChildren(element("span", "title", header.texts.show), ...choiceButtons(header, counts, this.filter, (filter) => this.setFilter(filter)));
    this.painter = new MessagePainter(header, (item) => this.passes(item), this.items);
    this.build();
    this.begin();
  }

  setFilter(filter) {
    this.filter = filter;
    for (const choice of this.toolbar.querySelectorAll(".choice")) choice.setAttribute("aria-pressed", String(choice.dataset.filter === filter));
    this.pin = this.hover = this.cursor = null;
    this.build();
    this.begin();
  }

  passes(item) {
    return this.filter === "everything" || (this.filter === "differing" ? !item.alike : item.kind === this.filter);
  }

  /** All messages, those in view drawn, the others as high as they are guessed to be. */
  build() {
    this.observer.disconnect();
    const sections = [];
    for (const [message, items] of this.byMessage) {
      const shown = items.filter((item) => this.passes(item));
      if (!shown.length) continue;
      const made = element("section", "message empty");
      made.style.setProperty("--role", roleColour(message < 0 ? "" : this.header.roles[message]));
      made.dataset.message = message;
      const characters = Math.min(AT_ONCE, textSize(shown));
      made.style.minHeight = `${90 + Math.ceil(characters / 60) * 50}px`;
      sections.push(made);
    }
    this.flow.replaceChildren(...(sections.length ? sections : [element("p", "nothing", this.header.texts.nothing)]));
    this.flow.scrollTop = 0;
    for (const section of sections.slice(0, 3)) this.draw(section);
    for (const section of sections) this.observer.observe(section);
  }

  draw(section) {
    if (!section.classList.contains("empty")) return;
    section.classList.remove("empty");
    section.style.minHeight = "";
    this.observer.unobserve(section);
    const message = Number(section.dataset.message);
    section.append(...this.painter.paint(message, this.byMessage.get(message)));
  }

  destroy() {
    this.observer.disconnect();
    this.root.remove();
  }
}

export default mounting((args) => new CompareView(args));
