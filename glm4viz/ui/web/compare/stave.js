// The lines below an element, one a recipe, as on a stave.

const LINES = ["none", "var(--dotted)", "var(--solid)", "var(--striped)"];
const PITCH = 5;

/** The lines below an element, one a recipe; the first is on top. */
function drawStave(node, states) {
  const layers = states.map((state, r) => [LINES[state], (states.length - 1 - r) * PITCH, state === MASKED ? 2 : state === TRAINED ? 3 : 4]).filter(([line]) => line !== "none");
  node.style.backgroundImage = layers.map(([line]) => line).join(",");
  node.style.backgroundPosition = layers.map(([, y, h]) => `0 calc(100% - ${y + Math.floor((4 - h) / 2)}px)`).join(",");
  node.style.backgroundSize = layers.map(([, , h]) => `100% ${h}px`).join(",");
  node.style.backgroundRepeat = "no-repeat";
}

/** A piece of stave to show what its lines look like. */
function staveSample(className, states) {
  const made = element("span", className);
  drawStave(made, states);
  return made;
}

/** The number of a recipe. */
function badge(r) {
  const made = element("span", "badge", String(r + 1));
  made.setAttribute("aria-hidden", "true");
  return made;
}
