// Predict first: which tokens are trained, asked before it is shown.

/** Answers that the reader gave, by question, so that going back shows them again. @type {Map<string, {picked: Set<number>, checked: boolean}>} */
const answers = new Map();

function question(data, columns, key) {
  const { texts } = data;
  if (!answers.has(key)) answers.set(key, { picked: new Set(), checked: false });
  const state = answers.get(key);
  const asked = [...columns.values()].filter((column) => column.item.truth !== undefined);
  const feedback = element("div", "feedback");
  feedback.setAttribute("role", "status");
  const check = button("primary", texts.check, "", () => {
    if (state.checked) state.picked.clear();
    state.shown = false;
    state.checked = !state.checked;
    refresh();
  });
  const show = button("", texts.show, "", () => {
    for (const { item } of asked) {
      if (item.truth) state.picked.add(item.i);
      else state.picked.delete(item.i);
    }
    state.shown = true;
    state.checked = true;
    refresh();
  });
  for (const column of asked) {
    const { item } = column;
    const toggle = button(`chip ${item.kind}`, item.text, "", () => {
      if (state.checked) return;
      if (!state.picked.delete(item.i)) state.picked.add(item.i);
      refresh();
    });
    column.chip.replaceWith(toggle);
    column.chip = toggle;
    column.mark = element("span", "mark");
    column.element.append(column.mark);
  }

  function refresh() {
    let right = 0;
    const wrong = [];
    for (const column of asked) {
      const { item } = column;
      const picked = state.picked.has(item.i);
      const good = picked === item.truth;
      right += good;
      if (!good) wrong.push(column);
      column.chip.setAttribute("aria-pressed", String(picked));
      column.chip.setAttribute("aria-disabled", String(state.checked));
      const look = state.checked ? (item.truth ? "trained" : "masked") : "";
      column.element.className = `column asked ${look} ${picked ? "picked" : ""} ${state.checked && !good ? "wrong" : ""}`;
      const sign = state.shown ? (item.truth ? texts.yes : texts.no) : good ? "✓" : `✗ ${item.truth ? texts.yes : texts.no}`;
      column.mark.textContent = state.checked ? sign : picked ? texts.picked : "\u00a0";
    }
    check.textContent = state.checked ? texts.retry : texts.check;
    show.hidden = state.checked;
    feedback.replaceChildren();
    feedback.classList.toggle("is-open", state.checked);
    if (!state.checked) return;
    if (!state.shown) {
      const all = right === asked.length;
      feedback.append(element("p", all ? "score good" : "score", fill(all ? texts.all_right : texts.some_right, { right, all: asked.length })));
    }
    // Reasons that matter first: those of the tokens that were marked wrongly, then the others; each once, with its tokens.
    const reasons = new Map();
    for (const column of [...wrong, ...asked]) {
      const { reason } = column.item;
      if (!reasons.has(reason)) reasons.set(reason, []);
      const listed = reasons.get(reason);
      if (!listed.includes(column)) listed.push(column);
    }
    const list = element("ul", "reasons");
    for (const [reason, listed] of reasons) {
      const shown = listed.sort((a, b) => a.item.i - b.item.i).slice(0, 8);
      const chips = shown.map(({ item }) => element("span", `chip ${item.kind}`, item.text));
      list.append(element("li", listed[0].item.truth ? "trained" : "masked", element("span", "tokens", ...chips, listed.length > 8 ? "…" : ""), ` ${reason}`));
    }
    feedback.append(list, element("p", "moral", data.question.moral));
  }

  refresh();
  return element("div", "question", element("div", "buttons", check, show), feedback);
}
