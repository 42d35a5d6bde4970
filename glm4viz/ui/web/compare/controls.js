// Above the text: which line is whose, what a line means, and which items are shown.

/** Kinds of items in the order of their buttons. */
const KINDS = ["all", "none", "some", "only:0", "only:1", "label_differs", "missing"];

/** How many characters and slots there are of each kind. */
function countKinds(items) {
  const kinds = new Map();
  let total = 0;
  let different = 0;
  for (const item of items) {
    kinds.set(item.kind, (kinds.get(item.kind) ?? 0) + item.size);
    total += item.size;
    if (!item.alike) different += item.size;
  }
  return { kinds, total, different };
}

function legendParts(header) {
  const recipes = header.ids.map((id, r) => {
    const lines = staveSample("line stave", header.ids.map((_, k) => (k === r ? TRAINED : ABSENT)));
    return element("li", "", badge(r), lines, element("span", "id", id));
  });
  const states = [TRAINED, DIFFERS, MASKED, ABSENT].map((state) => element("li", "", staveSample(`line ${STATE_CLASSES[state]}`, [state]), header.states[state]));
  const tint = element("li", "", element("span", "line unlike"), header.texts.tint);
  return [element("span", "title", header.texts.lines), element("ol", "recipes", ...recipes), element("ul", "states", ...states, tint)];
}

/** A button for each filter; `onChoice` is told the filter. */
function choiceButtons({ ids, texts }, { kinds, total, different }, chosen, onChoice) {
  const choices = [
    ["everything", texts.everything, total],
    ["differing", texts.differing, different],
    ...KINDS.filter((kind) => kinds.has(kind)).map((kind) => [kind, kindName(kind, ids, texts), kinds.get(kind)]),
  ];
  return choices.map(([filter, name, count]) => {
    const made = button("choice", name, `${thousands(count)} ${texts.units}`, () => onChoice(filter));
    made.setAttribute("aria-pressed", String(filter === chosen));
    made.dataset.filter = filter;
    made.append(element("span", "count", thousands(count)));
    return made;
  });
}

function kindName(kind, ids, texts) {
  if (kind.startsWith("only:")) return fill(texts.only, { name: ids[Number(kind.slice(5))] });
  if (ids.length === 2 && kind === "all") return texts.both;
  if (ids.length === 2 && kind === "none") return texts.neither;
  return texts[kind];
}
