// Runs: neighbouring tokens of a thought or a call, drawn together in a bracket of their own with a small label. A thought can be folded to a chip.

/** What a run is called in CSS, by the part of its tokens. A call's markup, name and arguments have brackets of their own. */
const BRACKETS = { think: "think", tool_call: "call", arguments: "arguments" };

/**
 * @typedef {Object} Run
 * @property {number} start
 * @property {number} stop
 * @property {string} kind     one of the BRACKETS
 * @property {boolean} named   has a label: it doesn't just go on after another run of the same call
 * @property {boolean} folded
 */

/** @returns {Run[]} */
function findRuns(sample) {
  const { part_names: names } = sample.header;
  const kinds = names.map((name) => BRACKETS[name]);
  const runs = [];
  for (let start = 0, i = 1; i <= sample.length; i++) {
    const goesOn = i < sample.length && sample.parts[i] === sample.parts[start] && sample.messages[i] === sample.messages[start];
    // A character is never torn apart: the token that holds its end stays with the one that began it.
    if (goesOn || (i < sample.length && (sample.text[sample.offsets[i]] & 0xc0) === 0x80)) continue;
    const kind = kinds[sample.parts[start]];
    const before = runs.at(-1);
    const closes = kind === "call" && before?.stop === start && before.kind === "arguments";
    if (kind) runs.push({ start, stop: i, kind, named: !closes, folded: false });
    start = i;
  }
  return runs;
}

/** The runs of one sample, and which of them are folded. */
class Runs {
  /** @param {Sample} sample @param {(run: Run) => void} onFold  the reader folds a run, or opens it */
  constructor(sample, onFold) {
    this.sample = sample;
    this.onFold = onFold;
    this.runs = findRuns(sample);
  }

  /** @returns {Run | undefined} the run that a token is part of */
  at(i) {
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.runs[middle].start <= i) low = middle;
      else high = middle - 1;
    }
    const run = this.runs[low];
    return run && run.start <= i && i < run.stop ? run : undefined;
  }

  isHidden(i) {
    return this.at(i)?.folded ?? false;
  }

  /** The nearest token from `i` on that isn't folded away, in that direction or, at the end of the text, in the other. */
  shown(i, way = 1) {
    const run = this.at(i);
    if (!run?.folded) return i;
    const on = way > 0 ? run.stop : run.start - 1;
    const back = way > 0 ? run.start - 1 : run.stop;
    const inside = (k) => k >= 0 && k < this.sample.length;
    return inside(on) ? this.shown(on, way) : inside(back) ? this.shown(back, -way) : i;
  }

  /** The bracket for the tokens of a run that are drawn from `start` on, and in it the place for them. @returns {[HTMLElement, HTMLElement]} */
  draw(run, start) {
    const inside = element("span", "inside");
    const bracket = element("span", `run ${run.kind}`, start === run.start && run.named ? this.label(run) : null, inside);
    bracket.dataset.run = run.start;
    bracket.classList.toggle("is-closed", run.folded);
    return [bracket, inside];
  }

  /** A thought's label folds it; a call's is only read. */
  label(run) {
    const name = this.name(run);
    if (run.kind !== "think") return element("span", "run-label", name);
    const { texts } = this.sample.header;
    const count = fill(texts.thought_tokens, { name, n: thousands(run.stop - run.start) });
    const made = button("run-label", element("span", "", name), "", () => this.onFold(run));
    made.append(element("span", "counted", count.slice(name.length)));
    made.setAttribute("aria-expanded", String(!run.folded));
    made.setAttribute("aria-label", count);
    made.title = texts.fold_thought;
    return made;
  }

  name(run) {
    return this.sample.header.part_texts[this.sample.parts[run.start]];
  }

  /** Shows on the page that a run was folded or opened. @param {HTMLElement} canvas  with the brackets, one for each block the run reaches into */
  refold(run, canvas) {
    run.folded = !run.folded;
    for (const bracket of canvas.querySelectorAll(`[data-run="${run.start}"]`)) {
      bracket.classList.toggle("is-closed", run.folded);
      bracket.querySelector("button.run-label")?.setAttribute("aria-expanded", String(!run.folded));
    }
  }
}
