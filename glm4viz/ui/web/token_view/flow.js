// The flow: the scrolling text, its messages and blocks, and where tokens stand in it. Only what is near the visible part is drawn.

/**
 * A block on the page. Drawn ones hold their tokens; the others are empty and as high as they are guessed, or were once measured, to be.
 * @typedef {{start: number, stop: number, section: number, element: HTMLElement, drawn: boolean}} BlockView
 */

class Flow {
  /**
   * @param {Object} on
   * @param {(piece: HTMLElement) => void} on.dress  gives a piece that was just drawn its classes
   * @param {() => void} on.change                   blocks were drawn, emptied or folded: things stand elsewhere
   */
  constructor(on) {
    this.on = on;
    this.element = element("div", "flow");
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.canvas = element("div", "canvas");
    this.element.append(this.canvas);
    /** @type {BlockView[]} */
    this.blocks = [];
    this.sections = [];
    this.folded = new Set();
    this.cover = null; // what may lie over the lower end of the text
    this.cursor = -1; // the token the keyboard is at; it stays where it is on the screen when heights change
    this.observer = watching(this.element, (entries) => this.onVisible(entries));
  }

  /** Another sample, from its start; `extra` lies over the text. */
  show(sample, toggles, extra) {
    if (this.sample?.sections.length !== sample.sections.length) this.folded.clear();
    this.sample = sample;
    this.toggles = toggles;
    this.runs = new Runs(sample, (run) => this.foldRun(run));
    this.painter = new Painter(sample, toggles, this.runs);
    this.railAt = -1;
    this.build(extra);
  }

  /** All sections and blocks, still empty. */
  build(extra) {
    this.observer.disconnect();
    this.blocks = [];
    this.sections = this.sample.sections.map((section, k) => this.buildSection(section, k));
    // All is measured before it is put in: the browser lays out thousands of messages once, not twice.
    const width = Math.max(this.canvas.clientWidth - 150, 240);
    for (const block of this.blocks) block.element.style.height = `${guessHeight(this.sample, block, width, this.toggles.ids)}px`;
    this.canvas.replaceChildren(...this.sections, extra);
    let room = this.element.clientHeight || 600;
    for (const block of this.blocks) {
      if (room < 0) break;
      this.draw(block);
      room -= block.element.getBoundingClientRect().height;
    }
    for (const block of this.blocks) this.observer.observe(block.element);
  }

  /**
   * A section of one block is drawn and emptied as a whole: with thousands of short messages, even their rails are too much to keep. A longer one is built
   * here, with its blocks as inline holders, so that no line breaks where a block ends.
   */
  buildSection(section, k) {
    const made = element("div", section.message < 0 ? "message outside" : "message");
    made.style.setProperty("--role", roleColour(roleOf(this.sample, section.message)));
    const whole = section.blocks.length === 1;
    const holders = section.blocks.map((block) => {
      const holder = whole ? made : element("span", "block");
      holder.classList.add("empty");
      holder.dataset.block = this.blocks.length;
      this.blocks.push({ ...block, section: k, element: holder, drawn: false });
      return holder;
    });
    if (!whole) made.append(...this.sectionParts(k, holders));
    made.classList.toggle("is-folded", this.folded.has(k));
    return made;
  }

  /** Rail, text, and what stands there instead of the text while it is folded. */
  sectionParts(k, inside) {
    const { sample } = this;
    const { texts, part_texts: partTexts } = sample.header;
    const section = sample.sections[k];
    const rail = button("rail", "", "", () => this.fold(k));
    rail.tabIndex = this.railAt === k ? 0 : -1;
    rail.setAttribute("aria-expanded", String(!this.folded.has(k)));
    const name = section.message < 0 ? partTexts[sample.parts[section.start]] ?? texts.outside : roleText(sample, section.message);
    rail.append(element("span", "role", name));
    if (section.message >= 0) rail.append(element("span", "number", fill(texts.message, { n: section.message })));
    rail.append(element("span", "share", this.share(section)));
    const text = element("div", "text");
    text.append(...inside);
    return [rail, text, element("div", "folded", fill(texts.collapsed, { m: thousands(section.stop - section.start) }))];
  }

  share(section) {
    let n = 0;
    for (let i = section.start; i < section.stop; i++) if (isMarked(this.sample, i, this.toggles.shift)) n++;
    return fill(this.sample.header.texts.n_of_m, { n: thousands(n), m: thousands(section.stop - section.start) });
  }

  /** The counts on the rails, after what a mark means has changed. */
  refreshShares() {
    this.sample.sections.forEach((section, k) => {
      const rail = this.rail(k);
      if (rail) rail.lastChild.textContent = this.share(section);
    });
  }

  /** @returns {HTMLElement | undefined} the rail of a section, if that is drawn */
  rail(k) {
    const first = this.sections[k]?.firstChild;
    return first?.classList?.contains("rail") ? first : undefined;
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------------------------------

  draw(block) {
    if (block.drawn) return;
    block.drawn = true;
    const { element: holder } = block;
    const painted = this.painter.paint(block.start, block.stop);
    holder.classList.remove("empty");
    holder.style.height = "";
    holder.replaceChildren(...(holder === this.sections[block.section] ? this.sectionParts(block.section, [painted]) : [painted]));
    for (const piece of holder.querySelectorAll(".tok,.piece")) this.on.dress(piece);
    for (const label of holder.querySelectorAll("button.run-label")) label.tabIndex = this.railAt === block.section ? 0 : -1;
    if (this.cursor >= block.start && this.cursor < block.stop) this.pointAt(this.cursor);
  }

  empty(block, height) {
    if (!block.drawn) return;
    block.drawn = false;
    block.element.replaceChildren();
    block.element.classList.add("empty");
    block.element.style.height = `${height}px`;
  }

  onVisible(entries) {
    this.holding(() => {
      for (const entry of entries) {
        const block = this.blocks[entry.target.dataset.block];
        if (block?.element !== entry.target) continue; // of a sample that is gone
        if (entry.isIntersecting) this.draw(block);
        else if (entry.boundingClientRect.height) this.empty(block, entry.boundingClientRect.height);
      }
    });
    this.on.change();
  }

  /** Does something that changes heights while the text in view stays where it is: the cursor's token, if that is in view, or the one at the top. */
  holding(change) {
    const view = this.element.getBoundingClientRect();
    const place = (i) => (this.runs.isHidden(i) ? undefined : this.tokenElement(i)?.getBoundingClientRect());
    let held = this.cursor;
    let before = place(held);
    if (!before || before.bottom < view.top || before.top > view.bottom) before = place((held = this.topToken()));
    change();
    const after = before && place(held);
    if (after) this.element.scrollTop += after.top - before.top;
  }

  fold(k) {
    const open = this.folded.has(k);
    if (open) this.folded.delete(k);
    else this.folded.add(k);
    this.sections[k].classList.toggle("is-folded", !open);
    this.rail(k)?.setAttribute("aria-expanded", String(open));
    this.on.change();
  }

  /** Folds a thought, or opens it; the text around stays where it is. */
  foldRun(run) {
    this.holding(() => this.runs.refold(run, this.canvas));
    this.on.change();
  }

  /** Draws again what is drawn, after the toggles have changed. */
  redraw() {
    this.painter = new Painter(this.sample, this.toggles, this.runs);
    for (const block of this.blocks) {
      if (!block.drawn) continue;
      block.drawn = false;
      this.draw(block);
    }
  }

  // Places ----------------------------------------------------------------------------------------------------------------------------------------

  /** @returns {HTMLElement | null} the element of a token, if that is drawn */
  tokenElement(i) {
    return this.canvas.querySelector(`[data-i="${i}"]`);
  }

  /** Makes a token the one that the keyboard is at. After the text, Tab leads to the rail of its message, not to five hundred of them. */
  setCursor(i) {
    this.tokenElement(this.cursor)?.removeAttribute("id");
    this.cursor = i;
    this.pointAt(i);
    const section = this.sectionOf(i);
    if (this.railAt === section) return;
    const before = this.rail(this.railAt);
    const now = this.rail(section);
    if (before) before.tabIndex = -1;
    if (now) now.tabIndex = 0;
    this.railAt = section;
    for (const label of this.canvas.querySelectorAll("button.run-label")) label.tabIndex = this.sections[section].contains(label) ? 0 : -1;
  }

  pointAt(i) {
    const piece = this.tokenElement(i);
    if (!piece) return;
    piece.id = `token-${i}`;
    this.element.setAttribute("aria-activedescendant", piece.id);
  }

  sectionOf(i) {
    return this.blocks[this.blockOf(i)].section;
  }

  blockOf(i) {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle].start <= i) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** About which token stands at a height on the screen. */
  tokenAt(y) {
    let low = 0;
    let high = this.blocks.length - 1;
    if (high < 0) return 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.box(middle).bottom > y) high = middle;
      else low = middle + 1;
    }
    const box = this.box(low);
    const { start, stop } = this.blocks[low];
    const share = box.height ? Math.min(1, Math.max(0, (y - box.top) / box.height)) : 0;
    return this.runs.shown(Math.min(stop - 1, start + Math.floor(share * (stop - start))));
  }

  /** The box of a block, or, where its message is folded and it has none, that of the message. */
  box(k) {
    const block = this.blocks[k];
    return (this.folded.has(block.section) ? this.sections[block.section] : block.element).getBoundingClientRect();
  }

  topToken() {
    return this.tokenAt(this.element.getBoundingClientRect().top + 8);
  }

  bottomToken() {
    return this.tokenAt(this.element.getBoundingClientRect().bottom - 8);
  }

  /** Brings a token into view, scrolling the text but never the page. */
  reveal(i, centre) {
    const k = this.blockOf(i);
    const { section } = this.blocks[k];
    if (this.folded.has(section)) this.fold(section);
    if (this.runs.isHidden(i)) this.foldRun(this.runs.at(i));
    for (const near of [k - 1, k + 1, k]) if (this.blocks[near]?.section === section || near === k) this.draw(this.blocks[near]);
    const box = this.tokenElement(i).getBoundingClientRect();
    const view = this.uncovered();
    const edge = Math.min(56, view.height / 4);
    if (centre && (box.top < view.top + edge || box.bottom > view.bottom - edge)) {
      this.element.scrollTop += box.top - view.top - view.height * 0.35;
    } else if (box.top < view.top + edge) {
      this.element.scrollTop += box.top - view.top - edge;
    } else if (box.bottom > view.bottom - edge) {
      this.element.scrollTop += box.bottom - view.bottom + edge;
    }
  }

  /** The visible part of the text: on narrow pages the panel lies over its lower end. */
  uncovered() {
    const { top, bottom } = this.element.getBoundingClientRect();
    const cover = this.cover.getBoundingClientRect();
    const over = cover.left < this.element.getBoundingClientRect().right && cover.top > top + 100 && cover.top < bottom;
    const end = over ? cover.top : bottom;
    return { top, bottom: end, height: end - top };
  }

  /** Scrolls to a share of the conversation, 0 to 1. */
  seek(fraction) {
    if (!this.sample.length) return;
    const i = this.runs.shown(Math.min(this.sample.length - 1, Math.floor(fraction * this.sample.length)));
    const block = this.blocks[this.blockOf(i)];
    if (this.folded.has(block.section)) {
      this.element.scrollTop += this.sections[block.section].getBoundingClientRect().top - this.element.getBoundingClientRect().top;
      return;
    }
    this.draw(block);
    const view = this.element.getBoundingClientRect();
    this.element.scrollTop += this.tokenElement(i).getBoundingClientRect().top - view.top - view.height / 2;
  }

  /** The token above or below: on the next line that has one, the nearest to the same column. */
  lineFrom(i, way) {
    this.reveal(i);
    const here = this.tokenElement(i).getBoundingClientRect();
    const column = (here.left + here.right) / 2;
    let best = -1;
    let line = null;
    let distance = Infinity;
    for (let k = i + way; k >= 0 && k < this.sample.length; k += way) {
      const block = this.blocks[this.blockOf(k)];
      if (this.folded.has(block.section)) {
        k = way > 0 ? block.stop - 1 : block.start;
        continue;
      }
      this.draw(block);
      const box = this.tokenElement(k).getClientRects()[0];
      if (!box || Math.abs(box.top - here.top) < here.height * 0.6) continue;
      line ??= box;
      if (Math.abs(box.top - line.top) > line.height * 0.6) break;
      const away = Math.max(box.left - column, column - box.right, 0);
      if (away < distance) [best, distance] = [k, away];
    }
    return best < 0 ? i : best;
  }

  /** The first or last token of the line. */
  lineEnd(i, way) {
    this.reveal(i);
    const { top, height } = this.tokenElement(i).getBoundingClientRect();
    let end = i;
    for (let k = i + way; k >= 0 && k < this.sample.length; k += way) {
      if (this.runs.isHidden(k)) continue;
      const box = this.tokenElement(k)?.getClientRects()[0];
      if (!box || Math.abs(box.top - top) > height * 0.6) break;
      end = k;
    }
    return end;
  }
}
