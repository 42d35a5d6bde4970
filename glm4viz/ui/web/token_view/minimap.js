/** The whole conversation in one strip: who speaks, what is trained, and which part of it is in view. For the eye and the mouse only. */
class Minimap {
  /** @param {(fraction: number) => void} onSeek  where in the conversation, 0 to 1 */
  constructor(onSeek) {
    this.element = element("div", "minimap");
    this.element.setAttribute("aria-hidden", "true");
    this.canvas = element("canvas");
    this.window = element("div", "window");
    this.element.append(this.canvas, this.window);
    const seek = (event) => {
      const box = this.element.getBoundingClientRect();
      onSeek(Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)));
    };
    this.element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener("pointermove", (event) => event.buttons && seek(event));
  }

  /** @param {(token: number) => boolean} isMatch */
  draw(sample, shifted, isMatch) {
    const scale = devicePixelRatio || 1;
    const width = Math.round(this.element.clientWidth * scale);
    const height = Math.round(this.element.clientHeight * scale);
    if (!width || !height || !sample.length) return;
    this.canvas.width = width;
    this.canvas.height = height;
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(name).trim();
    const context = this.canvas.getContext("2d");
    const rail = Math.round(width * 0.28);
    // Sections as bands of their role's colour.
    for (const section of sample.sections) {
      context.fillStyle = colour(roleVariable(roleOf(sample, section.message)));
      const top = Math.floor((section.start / sample.length) * height);
      context.fillRect(0, top, rail, Math.max(1, Math.ceil((section.stop / sample.length) * height) - top));
    }
    // Each row as dark as the share of its tokens that is trained.
    for (let row = 0; row < height; row++) {
      const from = Math.floor((row / height) * sample.length);
      const to = Math.max(from + 1, Math.floor(((row + 1) / height) * sample.length));
      let marked = 0;
      let found = false;
      let problem = false;
      for (let i = from; i < to; i++) {
        if (isMarked(sample, i, shifted)) marked++;
        found ||= isMatch(i);
        problem ||= sample.problems.has(i);
      }
      if (marked) {
        context.globalAlpha = 0.25 + (0.75 * marked) / (to - from);
        context.fillStyle = colour("--trained-line");
        context.fillRect(rail + scale, row, width - rail - scale, 1);
        context.globalAlpha = 1;
      }
      if (found || problem) {
        context.fillStyle = colour(problem ? "--problem" : "--ink");
        context.fillRect(Math.round(width * 0.6), row, width, Math.max(1, Math.round(scale)));
      }
    }
  }

  /** @param {number} from @param {number} to  the tokens in view as fractions of the conversation */
  view(from, to) {
    this.window.style.top = `${from * 100}%`;
    this.window.style.height = `${Math.max(0, to - from) * 100}%`;
  }
}
