// On paper nothing is folded, and the page is light.
{
  let undo = [];
  addEventListener("beforeprint", () => {
    const root = document.documentElement, theme = root.dataset.theme;
    const details = [...document.querySelectorAll("details:not([open])")];
    const hidden = [...document.querySelectorAll(".toggle-hidden")];
    details.forEach(one => { one.open = true; });
    hidden.forEach(one => one.classList.remove("toggle-hidden"));
    root.dataset.theme = "light";
    undo.push(() => {
      details.forEach(one => { one.open = false; });
      hidden.forEach(one => one.classList.add("toggle-hidden"));
      root.dataset.theme = theme;
    });
  });
  addEventListener("afterprint", () => {
    undo.forEach(one => one());
    undo = [];
  });
}
