"""The Streamlit entry: page config, navigation, language, address. Everything else lives in pages/ and glm4viz/."""

import streamlit as st

from glm4viz.ui import ICON, url
from glm4viz.ui.i18n import language_switch, t

st.set_page_config(page_title="glm4viz", page_icon=ICON, layout="wide")
url.load()
page = st.navigation([st.Page("pages/inspect.py", title=t("page.inspect"), icon=":material/frame_inspect:", default=True)])
st.logo(ICON, size="large")
with st.sidebar:
    language_switch()
    st.caption(t("app.tagline"))
page.run()
url.save(page.url_path)
