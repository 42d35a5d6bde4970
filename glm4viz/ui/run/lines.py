"""The lines that write a capture, for the framework that the reader trains with."""

import streamlit as st

from glm4viz.ui.i18n import t

TRAINER = """import glm4viz

# trainer: transformers.Trainer or trl.SFTTrainer
trainer.add_callback(glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error"))
trainer.train()"""
LOOP = """import glm4viz

for batch in glm4viz.watch(dataloader, tokenizer):
    ...  # your training step, unchanged"""
BATCH = """import glm4viz

samples = glm4viz.from_batch(next(iter(dataloader)), tokenizer)
glm4viz.save_capture(samples, "run.glm4viz.json.gz")"""
LINES = {"trainer": TRAINER, "loop": LOOP, "batch": BATCH}


def show_lines() -> None:
    """The lines to paste, with a button that copies them."""
    st.markdown(f"**{t('run.lines')}**")
    names = {name: t(f"run.lines.{name}") for name in LINES}
    chosen = st.selectbox(
        t("run.lines"),
        list(names),
        key="run_snippets",
        format_func=names.__getitem__,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.code(LINES[chosen], language=None, wrap_lines=True)  # coloured code has too little contrast
    st.markdown(f":small[{t('run.lines.after')}]")
