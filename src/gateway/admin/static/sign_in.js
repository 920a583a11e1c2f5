// A printed address holds its token behind the #, which no browser sends: it is shown by the form.
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("credential").value = token;
  document.getElementById("sign-in").requestSubmit();
}
