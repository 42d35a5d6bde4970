// The keyboard: what its keys do in the text, and what screen readers say of the token that it is at.

/** @param {TokenView} view @returns {Object<string, () => void>} */
function keyActions(view, ctrl) {
  const last = view.sample.length - 1;
  const i = Math.max(0, view.flow.cursor);
  const walk = (to, way) => view.moveTo(view.flow.runs.shown(to, way)); // over what is folded
  return {
    ArrowLeft: () => walk(i - 1, -1),
    ArrowRight: () => walk(view.flow.cursor < 0 ? 0 : i + 1, 1),
    ArrowUp: () => view.moveTo(view.flow.lineFrom(i, -1)),
    ArrowDown: () => view.moveTo(view.flow.lineFrom(i, 1)),
    Home: () => view.moveTo(ctrl ? 0 : view.flow.lineEnd(i, -1)),
    End: () => view.moveTo(ctrl ? last : view.flow.lineEnd(i, 1)),
    PageUp: () => view.page(-1),
    PageDown: () => view.page(1),
    Enter: () => view.setPin(i === view.pin ? -1 : i),
    " ": () => view.setPin(i === view.pin ? -1 : i),
    Escape: () => view.setPin(-1),
    t: () => view.jump("trained", 1),
    T: () => view.jump("trained", -1),
    m: () => view.jump("message", 1),
    M: () => view.jump("message", -1),
    p: () => view.jump("problem", 1),
    P: () => view.jump("problem", -1),
    c: () => view.flow.fold(view.flow.sectionOf(i)),
    "/": () => view.toolbar.search.focus(),
  };
}

/** A token in one sentence. Signs for what can't be seen become words. */
function spoken(sample, i, shifted) {
  const { header } = sample;
  const { texts } = header;
  const text = describe(sample, i).replace(/↵/g, ` ${texts.newline} `).replace(/→/g, ` ${texts.tab} `);
  return fill(texts.announce, {
    text: /^·+$/.test(text) ? texts.space : text.replace(/·/g, " "),
    id: sample.ids[i],
    role: roleText(sample, sample.messages[i]),
    part: header.part_texts[sample.parts[i]],
    state: isMarked(sample, i, shifted) ? texts.trained : texts.masked,
    why: header.reason_texts[sample.reasons[i]] ?? "",
  });
}
