"""Use my training config: a file or pasted text that chooses the recipe and the limit."""

import streamlit as st

from glm4viz.configs.findings import config_findings
from glm4viz.configs.notes import Decision, TrainingConfig
from glm4viz.configs.parsing import ConfigError
from glm4viz.configs.reader import read_training_config
from glm4viz.linter import RULES, Finding
from glm4viz.ui.i18n import language, plain, t

TYPES = ["yaml", "yml", "json", "sh", "txt"]
MODEL_LENGTH = 131_072  # GLM-4-9B-Chat's own, where the config sets no limit


def choose_config() -> None:
    """The popover, and what was made of the config."""
    state = st.session_state
    with st.popover(t("config"), icon=":material/settings_suggest:", width="stretch", key="training_config"):
        st.caption(t("config.help"))
        st.file_uploader(t("config.upload"), type=TYPES, key="config_upload", on_change=_take_upload, max_upload_size=1)
        st.text_area(t("config.paste"), key="config_paste", height=140, placeholder="stage: sft\ntemplate: glm4\ncutoff_len: 2048")
        st.button(t("config.use"), key="config_use", icon=":material/check:", on_click=_take_paste, width="stretch")
        found = state.get("config_found")
        if isinstance(found, TrainingConfig):
            _show_found(found)
        elif isinstance(found, ConfigError):
            st.error(plain(found.sentence(language())), icon=":material/error:")


def show_config(recipe_id: str) -> None:
    """What the config decides, in one line below, and what of it isn't followed."""
    found = st.session_state.get("config_found")
    if isinstance(found, TrainingConfig) and found.recipe_id == recipe_id:
        limits = ", ".join(f"{key} {value}" for key, value in found.limits.items()) or t("config.no_limit")
        text = t("config.active", system=found.system, recipe=found.recipe_id, limits=plain(limits))
        st.caption(f":material/settings_suggest: {text}")
    for finding in config_told(recipe_id):
        own = finding.sentence(language()).removeprefix(RULES[finding.rule].explanation(language())).strip()
        title = RULES[finding.rule].title[language()]
        if finding.severity == "warning":
            st.warning(plain(f"{title}. {own}"), icon=":material/warning:")
        else:
            st.caption(f":material/info: {plain(f'{title}. {own}')}")


def config_told(recipe_id: str) -> list[Finding]:
    """What the config sets and isn't followed with this recipe and the limit chosen; nothing without a config."""
    found = st.session_state.get("config_found")
    if not isinstance(found, TrainingConfig):
        return []
    limit = st.session_state.get("max_length")
    return config_findings(found, recipe_id, None if found.max_length is None and limit == MODEL_LENGTH else limit)


def config_contradicts(recipe_id: str) -> bool:
    """Whether a real run of the config would train something else than what is shown."""
    return any(finding.severity == "warning" for finding in config_told(recipe_id))


def _take_upload() -> None:
    upload = st.session_state.get("config_upload")
    if upload is not None:
        _take(upload.getvalue())


def _take_paste() -> None:
    _take((st.session_state.get("config_paste") or "").encode("utf-8", "surrogatepass"))


def _take(data: bytes) -> None:
    state = st.session_state
    try:
        found = read_training_config(data)
    except ConfigError as error:
        state.config_found = error
        return
    state.config_found, state.recipe = found, found.recipe_id
    state.max_length = found.max_length or MODEL_LENGTH
    for key in ("max_input_length", "max_output_length"):
        if key in found.limits:
            state[key] = found.limits[key]
        else:
            state.pop(key, None)


def _show_found(found: TrainingConfig) -> None:
    limit = found.max_length if found.max_length is not None else t("config.no_limit")
    st.success(t("config.found", system=found.system, recipe=found.recipe_id, limit=limit), icon=":material/check_circle:")
    _show_keys(t("config.decided"), found.decided_by)
    _show_keys(t("config.not_honoured"), found.not_honoured)
    _show_keys(t("config.unknown"), found.unknown)
    for warning in found.warnings:
        st.warning(plain(warning[language()]), icon=":material/warning:")


def _show_keys(title: str, decisions: tuple[Decision, ...]) -> None:
    if decisions:
        lines = [f"- **{plain(d.key)}**: {plain(d.value)} · {plain(d.why[language()])}" for d in decisions]
        st.markdown(f"**{title}**\n" + "\n".join(lines))
