"""The Streamlit entry: page config, navigation, language. Everything else lives in pages/ and glm4viz/."""

import streamlit as st

from glm4viz.ui.i18n import language_switch, t

st.set_page_config(page_title="glm4viz", page_icon=":material/biotech:", layout="wide")
# Navigation first: a widget that is bound to the URL and made before it would lose its value when the page changes.
page = st.navigation([st.Page("pages/inspect.py", title=t("page.inspect"), icon=":material/frame_inspect:", default=True)])
with st.sidebar:
    language_switch()
    st.caption(t("app.tagline"))
page.run()
