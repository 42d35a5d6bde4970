// The arrow from the position that predicts to the token that is predicted. It lies over the text.

const SVG = "http://www.w3.org/2000/svg";

class Arrow {
  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "arrow");
    this.element.setAttribute("aria-hidden", "true");
    this.path = document.createElementNS(SVG, "path");
    this.element.append(this.path);
  }

  /** Between two elements of the canvas, or not at all where one of them isn't drawn. */
  draw(canvas, from, to) {
    this.element.style.display = from && to ? "" : "none";
    if (!from || !to) return;
    const origin = canvas.getBoundingClientRect();
    const above = (node) => {
      const box = node.getClientRects()[0] ?? node.getBoundingClientRect();
      return [box.left + box.width / 2 - origin.left, box.top - origin.top + 2];
    };
    const [x1, y1] = above(from);
    const [x2, y2] = above(to);
    const top = Math.min(y1, y2) - 13;
    const head = `M${x2 - 4} ${y2 - 7}L${x2} ${y2}L${x2 + 4} ${y2 - 7}`;
    this.path.setAttribute("d", `M${x1} ${y1}C${x1} ${top} ${x2} ${top} ${x2} ${y2}${head}`);
  }
}
