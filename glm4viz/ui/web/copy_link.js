/** Copies the page's address with our query; where the browser forbids that, shows it to be copied by hand. */
export default function ({ data, parentElement }) {
  const [button, field, status] = ["button", "input", "span"].map((name) => parentElement.querySelector(name));
  button.textContent = data.label;
  status.textContent = "";
  field.hidden = true;
  button.onclick = async () => {
    const link = `${location.origin}${location.pathname}?${data.query}`;
    try {
      await navigator.clipboard.writeText(link);
      status.textContent = data.copied;
    } catch {
      field.value = link;
      field.hidden = false;
      field.setAttribute("aria-label", data.manual);
      field.select();
      status.textContent = data.manual;
    }
  };
}
