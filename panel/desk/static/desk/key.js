/* Says on the page that a security key did not answer; allauth's script would write it to the console only. */
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("key-error").hidden = false;
});
