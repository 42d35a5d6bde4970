"""The Streamlit entry: page config, navigation, language, address. Everything else lives in pages/ and glm4viz/."""

import streamlit as st

from glm4viz.ui import ICON, url
from glm4viz.ui.i18n import language_switch, t
from glm4viz.ui.shell import follow_deep_link

st.set_page_config(page_title="glm4viz", page_icon=ICON, layout="wide")
url.load()
page = st.navigation(
    [
        st.Page("pages/inspect.py", title=t("page.inspect"), icon=":material/frame_inspect:", default=True),
        st.Page("pages/run.py", title=t("page.run"), icon=":material/sensors:"),
        st.Page("pages/walkthrough.py", title=t("page.walkthrough"), icon=":material/school:"),
        st.Page("pages/compare.py", title=t("page.compare"), icon=":material/compare_arrows:"),
        st.Page("pages/batch.py", title=t("page.batch"), icon=":material/view_comfy:"),
        st.Page("pages/dataset.py", title=t("page.dataset"), icon=":material/dataset:"),
        st.Page("pages/loss.py", title=t("page.loss"), icon=":material/monitoring:"),
        st.Page("pages/recipes.py", title=t("page.recipes"), icon=":material/menu_book:"),
    ]
)
follow_deep_link()
url.keep(page.url_path)
st.logo(ICON, size="large")
with st.sidebar:
    language_switch()
    st.caption(t("app.tagline"))
with url.saving(page.url_path):
    page.run()
