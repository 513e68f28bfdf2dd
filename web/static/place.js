// Where the person stands, put into the form's latitude and longitude: for
// whoever stands under the pole with a phone. Without it the numbers are typed.
(() => {
  "use strict";
  if (!navigator.geolocation) return;
  document.querySelectorAll("[data-locate]").forEach((button) => {
    const said = button.parentNode.querySelector("[role=status]");
    button.hidden = false;
    // Who has allowed it before, and whose form is still empty, need not ask again.
    if (navigator.permissions && !button.form.lat.value) {
      navigator.permissions.query({ name: "geolocation" }).then((p) => { if (p.state === "granted") button.click(); }, () => {});
    }
    button.addEventListener("click", () => {
      button.disabled = true;
      navigator.geolocation.getCurrentPosition(({ coords }) => {
        button.form.lat.value = coords.latitude.toFixed(6);
        button.form.lon.value = coords.longitude.toFixed(6);
        said.textContent = button.dataset.found.replace("…", Math.round(coords.accuracy));
        button.disabled = false;
      }, () => { said.textContent = button.dataset.lost; button.disabled = false; },
      { enableHighAccuracy: true, timeout: 20000 });
    });
  });
})();
