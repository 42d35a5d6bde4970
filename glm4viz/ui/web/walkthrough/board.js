// The walkthrough's boards: two lists as columns of chips, a table of pairs, and the source beside them. All text is set as text, never as markup.

/** The last step that each board was drawn for: only a new one is animated. @type {WeakMap<object, string>} */
const drawn = new WeakMap();

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
  const root = rootIn(parentElement, "board");
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
