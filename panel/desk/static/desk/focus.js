/* The first field has the focus. The browser's own autofocus comes while the page is still hidden by its frame. */
window.addEventListener("load", () => {
  const first = document.querySelector("[autofocus]");
  if (first && document.activeElement === document.body) first.focus();
});
