/** Draws lines of chips, a token each. */
export default function ({ data, parentElement }) {
  const root = rootIn(parentElement, "chips");
  root.replaceChildren(
    ...data.lines.map((line) => {
      const row = element("p", "line");
      for (const chip of line) {
        const made = element(chip.trained ? "mark" : "span", `chip ${chip.kind}`, chip.text);
        made.title = chip.about;
        if (chip.label) made.append(element("span", "arrow", "→"), element("b", "label", chip.label));
        if (chip.trained) made.append(hidden(` (${chip.label ? data.differs : data.trained})`));
        row.append(made, " ");
      }
      return row;
    }),
  );
  if (data.scroll && !root.dataset.seen) {
    root.dataset.seen = "yes";
    const host = root.getRootNode().host ?? root;
    // Twice, for the cards above may still grow.
    for (const wait of [300, 1200]) setTimeout(() => host.scrollIntoView({ block: "center" }), wait);
  }
}
