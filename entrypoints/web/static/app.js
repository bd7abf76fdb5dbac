// What HTML and htmx do not do by themselves: a page that renews itself leaves a person alone who is typing in it.
(function () {
  "use strict";

  function busy(live) {
    const here = document.activeElement;
    const typing = here && live.contains(here) && /^(INPUT|SELECT|TEXTAREA)$/.test(here.tagName);
    return typing || live.querySelector("details[open] form") !== null;
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.id === "live" && (busy(event.target) || document.hidden)) event.preventDefault();
  });

  // The focus stays where it was: a renewed button is another element of the same form.
  let focused = "";
  document.addEventListener("htmx:beforeSwap", function (event) {
    const here = document.activeElement;
    focused = event.target.id === "live" && here && here.form ? here.form.getAttribute("action") : "";
  });
  document.addEventListener("htmx:afterSettle", function () {
    const form = focused && document.querySelector('#live form[action="' + CSS.escape(focused) + '"]');
    if (form) form.querySelector("button").focus();
    focused = "";
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", function (event) {
    if (event.target.method !== "post") return;
    for (const button of event.target.querySelectorAll("button")) setTimeout(() => { button.disabled = true; });
  });
})();
